"""Commands for price rules and exchange rates.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated, Final

import typer

from numberdesk.catalog.offer_store import find_rates
from numberdesk.catalog.rule_store import find_rules, list_price_rules
from numberdesk.catalog.rules import PriceRule, parse_percent
from numberdesk.cli.output import note, print_list, print_object
from numberdesk.cli.session import AsJson, Limit, amount_of, check_carrier, services
from numberdesk.core.billing import kept_billing, kept_term, parse_billing, parse_term
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.money import MoneyError
from numberdesk.core.purchase import POOL
from numberdesk.flows.catalog.reprice import Reprice
from numberdesk.flows.catalog.set_price_rules import (
    find_minute_costs,
    new_price_rule,
    remove_price_rules,
    set_price_rules,
    unset_rates,
    unset_setup,
)
from numberdesk.flows.catalog.set_rates import Pair, new_rate, remove_rates, set_rates
from numberdesk.views.carriers import rate_view
from numberdesk.views.inventory import rule_view
from numberdesk.wiring import Services

prices = typer.Typer(help="Price rules for numbers that came without prices.", no_args_is_help=True)
rates = typer.Typer(help="Exchange rates, by which costs become prices in another currency.", no_args_is_help=True)
prices.add_typer(rates, name="rates")

_OPTIONS: Final = {
    "carrier": "--carrier",
    "iso_country": "--country",
    "number_type": "--type",
    "prefix": "--prefix",
    "currency": "--currency",
    "price": "--price",
    "inbound": "--inbound",
    "outbound": "--outbound",
    "setup": "--setup",
    "margin_percent": "--margin-percent",
    "margin_fixed": "--margin-fixed",
    "round_to": "--round-to",
    "period_every": "--every",
    "period_unit": "--unit",
    "increments": "--increments",
    "connect_fee": "--connect-fee",
    "rounding": "--rounding",
    "base": "BASE",
    "quote": "QUOTE",
    "rate": "RATE",
}


@prices.command("set")
def set_price(  # noqa: PLR0917  each is an option of the command
    currency: Annotated[str, typer.Option(help="Currency of the prices")],
    carrier: Annotated[str, typer.Option(help="Whose numbers")] = POOL,
    country: Annotated[str, typer.Option(help="Only this country's, like US")] = "",
    number_type: Annotated[str, typer.Option("--type", help="Only local, mobile, toll_free or national")] = "",
    prefix: Annotated[str, typer.Option(help="Only numbers that start so, country code first, without +")] = "",
    price: Annotated[str | None, typer.Option(help="Fixed price of a period")] = None,
    inbound: Annotated[str | None, typer.Option(help="Price per inbound minute")] = None,
    outbound: Annotated[str | None, typer.Option(help="Price per outbound minute")] = None,
    setup: Annotated[str | None, typer.Option(help="Price charged once, with the purchase")] = None,
    margin_percent: Annotated[str | None, typer.Option(help="Instead of a price: margin on the cost, like 20")] = None,
    margin_fixed: Annotated[str | None, typer.Option(help="Added to cost and margin")] = None,
    round_to: Annotated[str, typer.Option(help="Round a price from cost up to a multiple of this")] = "0.01",
    every: Annotated[int | None, typer.Option(help="The price is for so many units: 12 months, 28 days")] = None,
    unit: Annotated[str | None, typer.Option(help="month, day or year; a month when left out")] = None,
    increments: Annotated[str | None, typer.Option(help="Minimum and step in seconds that calls are billed by")] = None,
    connect_fee: Annotated[str | None, typer.Option(help="Charged once for an answered call")] = None,
    rounding: Annotated[
        str | None, typer.Option(help="Which way calls' charges are rounded to a millionth: up, half_up or down")
    ] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Set the rule for a set of numbers, and price them anew; the most specific rule wins.

    What is left out of --increments and --connect-fee is as `usage terms` says. Charges are rounded up if --rounding
    does not say otherwise.
    """
    with services(_OPTIONS) as running:
        rule = PriceRule(
            running.new_id("prl"),
            carrier,
            country,
            number_type,
            prefix,
            currency,
            _optional(price, "price"),
            _optional(inbound, "inbound"),
            _optional(outbound, "outbound"),
            _optional(setup, "setup"),
            _percent(margin_percent),
            _optional(margin_fixed, "margin_fixed"),
            amount_of(round_to, "round_to"),
            running.now(),
            kept_term(parse_term(every, unit)),
            kept_billing(parse_billing(increments, _optional(connect_fee, "connect_fee"), rounding)),
        )
        known = running.reader.read_now(lambda tx: find_rules(tx, [carrier]))
        stored = running.writer.apply(set_price_rules, new_price_rule(rule))
        print_object(rule_view(stored), as_json=as_json)
        for before in (each for each in known if each.matches == rule.matches):
            note(f"replaces {before.id} ({before.currency})")
        told = running.reader.read_now(lambda tx: find_minute_costs(tx, carrier))
        if unset := unset_rates(stored, told):
            note(f"{unset} --inbound and --outbound set one.")
        if missing := unset_setup(stored):
            note(f"{missing}; --setup 0 says that there is none.")
        _apply_rules_of(running, carrier)


@prices.command("list")
def list_prices(
    carrier: Annotated[str | None, typer.Option(help="Only this carrier's")] = None,
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List price rules."""
    with services(_OPTIONS) as running:
        check_carrier(running, carrier)
        found = running.reader.read_now(lambda tx: list_price_rules(tx, carrier, limit=limit))
        columns = ("id", "carrier", "iso_country", "number_type", "prefix", "currency", "price", "margin_percent",
                   "period_every", "period_unit", "increments")  # fmt: skip
        print_list([rule_view(rule) for rule in found], columns, as_json=as_json)


@prices.command("remove")
def remove_price(
    rule_id: Annotated[str, typer.Argument(metavar="RULE_ID")],
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Remove a rule, and price its numbers anew by those that are left."""
    with services(_OPTIONS) as running:
        removed = running.writer.apply(remove_price_rules, rule_id)
        print_object(rule_view(removed), as_json=as_json)
        _apply_rules_of(running, removed.carrier)


BaseArgument = Annotated[str, typer.Argument(metavar="BASE", help="The currency of costs, like EUR")]


QuoteArgument = Annotated[str, typer.Argument(metavar="QUOTE", help="The currency of prices, like USD")]


@rates.command("set")
def set_rate(
    base: BaseArgument,
    quote: QuoteArgument,
    rate: Annotated[str, typer.Argument(metavar="RATE", help="What one BASE is worth in QUOTE, like 1.08")],
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Set an exchange rate, and price numbers anew."""
    with services(_OPTIONS) as running:
        stored = running.writer.apply(set_rates, new_rate(base, quote, rate, running.now()))
        print_object(rate_view(stored), as_json=as_json)
        _reprice(running)


@rates.command("list")
def list_rates(as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """List exchange rates, by currencies."""
    with services(_OPTIONS) as running:
        found = running.reader.read_now(find_rates)
        print_list([rate_view(rate) for rate in found], ("base", "quote", "rate", "updated_at"), as_json=as_json)


@rates.command("remove")
def remove_rate(
    base: BaseArgument,
    quote: QuoteArgument,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Remove an exchange rate, and price numbers anew without it."""
    with services(_OPTIONS) as running:
        removed = running.writer.apply(remove_rates, Pair(base, quote))
        print_object(rate_view(removed), as_json=as_json)
        _reprice(running)


def _apply_rules_of(running: Services, carrier: str) -> None:
    """Price the own numbers anew; those of another carrier get their prices whenever they are searched."""
    if carrier == POOL:
        _reprice(running)
    else:
        note(f"holds for numbers of {carrier} from the next search")


def _reprice(running: Services) -> None:
    """Price numbers anew, step by step; a running server or worker would do the same."""
    changed = 0
    left = True
    while left:
        step = running.writer.apply(running.reprice, Reprice())
        changed += step.changed
        left = step.left
    note(f"{changed} numbers have a new price")


def _optional(text: str | None, field: str) -> int | None:
    return None if text is None else amount_of(text, field)


def _percent(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_percent(text)
    except MoneyError as error:
        raise InvalidRequest("margin_percent", str(error)) from None
