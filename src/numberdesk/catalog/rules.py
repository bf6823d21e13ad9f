"""Price rules: which one prices a number, and what the price is.

Touches: nothing.

A rule belongs to a carrier and may be narrowed to a prefix, a number type and a country. Of the
rules that match a number, the most specific applies: the longest prefix, then one that names
the type, then one that names the country. A rule that cannot give a price (costs unknown or not
convertible, or the result zero or absurd) is passed over and the next one is asked.

    fixed price     price; inbound, outbound and setup as the rule has them, else none
    cost plus       price = cost x (1 + margin) + margin_fixed, rounded up to a multiple of round_to; the
                    cost is for the rule's period: that of a month times as many months as it has
                    inbound, outbound, setup: the rule's, else cost x (1 + margin), rounded up to
                    a micro; a rate of which neither is known is none. A setup price cannot be none,
                    and unknown is not free: of which neither is known, the rule cannot give a price

A cost in another currency is converted by the operator's exchange rate, where there is one for
exactly this pair; otherwise the rule cannot give a price.

All arithmetic is on whole numbers, with one division and one rounding per price.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from numberdesk.catalog.model import NUMBER_TYPES, Listing
from numberdesk.core.billing import Billing, billing_of, length_of, term_of
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.money import MAX_PRICE, MICROS, MoneyError, parse_currency, parse_micros
from numberdesk.core.periods import MONTHLY, Term
from numberdesk.core.prices import Prices

WHOLE: Final = MICROS
"""A margin of 100 %: margins are millionths of the cost."""

WHOLE_RATE: Final = 10**9
"""An exchange rate of 1: rates are billionths."""

MOST_MARGIN: Final = 1000 * WHOLE
"""Largest margin: 100,000 %."""

LONGEST_WHOLE: Final = 6
BILLIONTH_DIGITS: Final = 9
_PERCENT: Final = 100
_MONTH: Final = length_of(MONTHLY)
CARRIER_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
"""What the name of a carrier looks like."""

COUNTRY_CODE: Final = re.compile(r"[A-Z]{2}", re.ASCII)
"""What a country looks like."""

DIGIT_PREFIX: Final = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
"""What the first digits of numbers look like."""


class Matches(NamedTuple):
    """The numbers that a rule is for. `prefix` is E.164 digits without the plus; "" matches everything."""

    carrier: str
    iso_country: str
    number_type: str
    prefix: str


class ExchangeRate(NamedTuple):
    """One unit of `base` is worth `rate` billionths of a unit of `quote`."""

    base: str
    quote: str
    rate: int
    updated_at: int


Exchange = Mapping[tuple[str, str], int]
"""Rates in billionths by (base, quote)."""

NO_EXCHANGE: Final[Exchange] = {}


def exchange_of(rates: Iterable[ExchangeRate]) -> Exchange:
    """Rates by their currencies."""
    return {(rate.base, rate.quote): rate.rate for rate in rates}


class PriceRule(NamedTuple):
    """A rule. Amounts and `round_to` in micros, `margin_percent` in millionths (20 % is 200000).

    Exactly one of `price` and `margin_percent` is set. `margin_fixed` is added to the monthly
    price of a cost-plus rule, before rounding. Prices are for periods of `term`, and calls billed by
    `billing` (core/billing.py).
    """

    id: str
    carrier: str
    iso_country: str
    number_type: str
    prefix: str
    currency: str
    price: int | None
    inbound: int | None
    outbound: int | None
    setup: int | None
    margin_percent: int | None
    margin_fixed: int | None
    round_to: int
    created_at: int
    term: str = ""
    billing: str = ""

    @property
    def matches(self) -> Matches:
        """The numbers that this rule is for: no two rules have the same."""
        return Matches(self.carrier, self.iso_country, self.number_type, self.prefix)

    def prices_of(self, listing: Listing, exchange: Exchange = NO_EXCHANGE) -> Prices | None:
        """What a number costs by this rule, None when the rule cannot say."""
        if self.margin_percent is None:
            if self.price is None:
                return None
            return Prices(self.currency, self.price, self.inbound, self.outbound, self.setup or 0, *self._terms)
        if listing.cost_monthly is None or listing.cost_currency is None:
            return None
        if self.setup is None and listing.cost_setup is None:
            return None
        same = listing.cost_currency == self.currency
        worth = WHOLE_RATE if same else exchange.get((listing.cost_currency, self.currency))
        if worth is None:
            return None
        term, billing = self._terms
        prices = Prices(
            self.currency,
            _marked_up(
                listing.cost_monthly, worth, self.margin_percent, self.margin_fixed or 0, self.round_to, length_of(term)
            ),
            self._rate(self.inbound, listing.cost_inbound, worth),
            self._rate(self.outbound, listing.cost_outbound, worth),
            self._rate(self.setup, listing.cost_setup, worth) or 0,
            term,
            billing,
        )
        return prices if _sellable(prices) else None

    @property
    def _terms(self) -> tuple[Term, Billing]:
        return term_of(self.term), billing_of(self.billing)

    def _rate(self, fixed: int | None, cost: int | None, worth: int) -> int | None:
        if fixed is not None or cost is None:
            return fixed
        return _marked_up(cost, worth, self.margin_percent or 0, 0, 1)


class RuleBook:
    """The rules of one carrier, arranged so that pricing a number does not depend on how many there are."""

    def __init__(self, rules: Iterable[PriceRule], exchange: Exchange = NO_EXCHANGE) -> None:
        self._exchange = exchange
        self._rules = {(rule.prefix, rule.number_type, rule.iso_country): rule for rule in rules}
        self._lengths = sorted({len(prefix) for prefix, _, _ in self._rules}, reverse=True)

    def price_of(self, listing: Listing) -> Prices | None:
        """The prices by the most specific rule that can give them, None when there is none."""
        for rule in self._matching(listing):
            prices = rule.prices_of(listing, self._exchange)
            if prices is not None:
                return prices
        return None

    def rule_of(self, listing: Listing) -> PriceRule | None:
        """The rule that prices a number; where none can, the most specific one that matches it."""
        matching = list(self._matching(listing))
        able = (rule for rule in matching if rule.prices_of(listing, self._exchange) is not None)
        return next(able, matching[0] if matching else None)

    def _matching(self, listing: Listing) -> Iterator[PriceRule]:
        """The rules that match a number, the most specific first."""
        for length in self._lengths:
            prefix = listing.e164[1 : length + 1]
            for number_type in (listing.number_type, ""):
                for iso_country in (listing.iso_country, ""):
                    rule = self._rules.get((prefix, number_type, iso_country))
                    if rule is not None:
                        yield rule


def rule_books(rules: Iterable[PriceRule], exchange: Exchange = NO_EXCHANGE) -> dict[str, RuleBook]:
    """The rules of several carriers, by carrier."""
    by_carrier: dict[str, list[PriceRule]] = {}
    for rule in rules:
        by_carrier.setdefault(rule.carrier, []).append(rule)
    return {carrier: RuleBook(mine, exchange) for carrier, mine in by_carrier.items()}


def check_rule(rule: PriceRule) -> PriceRule:
    """Return a rule that can be stored. Raises InvalidRequest naming the field.

    Whether the country exists is numbering data's question and not asked here.
    """
    parse_carrier(rule.carrier)
    _require(
        "iso_country", not rule.iso_country or COUNTRY_CODE.fullmatch(rule.iso_country), "must be two capital letters"
    )
    known = ", ".join(NUMBER_TYPES)
    _require("number_type", rule.number_type in ("", *NUMBER_TYPES), f"must be one of {known}")
    _require(
        "prefix",
        not rule.prefix or DIGIT_PREFIX.fullmatch(rule.prefix),
        "must be 1 to 15 digits beginning with the country code, without a plus",
    )
    try:
        parse_currency(rule.currency)
    except MoneyError as error:
        raise InvalidRequest("currency", str(error)) from None
    _check_amounts(rule)
    return rule


def parse_carrier(name: str) -> str:
    """Return the name of a carrier. Raises InvalidRequest."""
    _require(
        "carrier", CARRIER_NAME.fullmatch(name), "must be 1 to 32 lower-case letters, digits, - or _, a letter first"
    )
    return name


def parse_percent(value: object) -> int:
    """Millionths of a percentage as a person writes it: "20" and 20 are 200000, "0.0001" is 1. Raises MoneyError."""
    micros = parse_micros(value, largest=_PERCENT * MOST_MARGIN)
    millionths, finer = divmod(micros, _PERCENT)
    if finer:
        raise MoneyError("has more digits than a ten-thousandth of a percent")
    return millionths


def parse_rate(text: str) -> int:
    """Billionths of an exchange rate as a person writes it: "1.08" is 1080000000. Raises MoneyError."""
    whole, point, fraction = text.partition(".")
    if not text.isascii() or not whole.isdigit() or (point and not fraction.isdigit()):
        raise MoneyError("must be a decimal number like 1.08")
    if len(whole) > LONGEST_WHOLE or len(fraction) > BILLIONTH_DIGITS:
        raise MoneyError("must be below a million and have at most nine digits after the point")
    rate = int(whole + fraction.ljust(BILLIONTH_DIGITS, "0"))
    if not rate:
        raise MoneyError("must be greater than zero")
    return rate


def format_rate(rate: int) -> str:
    """An exchange rate as a person writes it: 1080000000 is "1.08"."""
    whole, billionths = divmod(rate, WHOLE_RATE)
    return f"{whole}.{billionths:0{BILLIONTH_DIGITS}d}".rstrip("0").rstrip(".")


def _check_amounts(rule: PriceRule) -> None:
    fixed = rule.price is not None
    _require("price", fixed != (rule.margin_percent is not None), "or margin_percent must be given, not both")
    _require("price", rule.price is None or 0 < rule.price <= MAX_PRICE, "must be greater than zero and not absurd")
    _require("margin_percent", 0 <= (rule.margin_percent or 0) <= MOST_MARGIN, "must be from 0 to 100000")
    _require("margin_fixed", not fixed or rule.margin_fixed is None, "is only for a rule with margin_percent")
    for name in ("inbound", "outbound", "setup", "margin_fixed"):
        _require(name, 0 <= (getattr(rule, name) or 0) <= MAX_PRICE, "must not be negative or absurd")
    _require("round_to", 0 < rule.round_to <= MAX_PRICE, "must be greater than zero and not absurd")


def _require(field: str, holds: object, reason: str) -> None:
    if not holds:
        raise InvalidRequest(field, reason)


def _marked_up(cost: int, worth: int, margin: int, added: int, round_to: int, length: int = _MONTH) -> int:
    """Return cost x worth x (1 + margin) + added, rounded up to a multiple of `round_to` in one division.

    The cost is that of a month, or of as many as there are in periods of another `length`.
    """
    numerator = cost * length * worth * (WHOLE + margin) + added * _MONTH * WHOLE * WHOLE_RATE
    return -(-numerator // (_MONTH * WHOLE * WHOLE_RATE * round_to)) * round_to


def _sellable(prices: Prices) -> bool:
    rates = (prices.inbound or 0, prices.outbound or 0, prices.setup)
    return 0 < prices.monthly <= MAX_PRICE and all(0 <= rate <= MAX_PRICE for rate in rates)
