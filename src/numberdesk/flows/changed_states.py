"""How things stand that are changed: what the record of a change shows from before and after it.

Touches: database.

Each reader takes the command that makes a change and reads what it is about: by the names of the API, as values that
JSON has. It may name what is secret: the record keeps values of known harmless fields alone (accounts/actions.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from numberdesk.accounts.cap_store import find_caps_of
from numberdesk.accounts.passkey_store import find_passkeys
from numberdesk.accounts.person_store import find_people
from numberdesk.accounts.store import find_accounts
from numberdesk.carriers.store import find_carriers_named
from numberdesk.catalog.offer_store import find_rates
from numberdesk.catalog.rule_store import find_rules, find_rules_by_id
from numberdesk.catalog.rules import ExchangeRate, PriceRule, format_rate
from numberdesk.connections.store import find_connections
from numberdesk.core.billing import billing_of, term_of
from numberdesk.core.money import format_micros
from numberdesk.core.rental import Rental
from numberdesk.core.spending import SpendCaps
from numberdesk.flows.accounts.cap_spending import CapKey
from numberdesk.flows.accounts.change_accounts import AccountChange
from numberdesk.flows.accounts.invite_people import PersonChange
from numberdesk.flows.accounts.passkeys import PasskeyChange
from numberdesk.flows.carriers.connect_carriers import CarrierSetup
from numberdesk.flows.catalog.set_price_rules import remove_price_rules
from numberdesk.flows.catalog.set_rates import Pair
from numberdesk.flows.connections.assign_connections import Assignment
from numberdesk.flows.connections.set_up_connections import ConnectionChange
from numberdesk.flows.rentals.label_numbers import Labelling
from numberdesk.flows.rentals.set_rent_policies import SetRentPolicy
from numberdesk.flows.settings.want_settings import SetSettings, find_number_settings
from numberdesk.flows.webhooks.change_webhooks import WebhookChange
from numberdesk.infra.attribution import StateOf
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import find_wallet
from numberdesk.numbers.rent_store import find_rent_policies, find_rental
from numberdesk.numbers.store import find_rented, find_rented_by_id
from numberdesk.webhooks.store import find_endpoints

State = Mapping[str, Any]

_NOTHING: Final[State] = {}
_MARGIN_AS_PERCENT: Final = 100


def _money(micros: int | None) -> str | None:
    return None if micros is None else format_micros(micros)


def _caps(caps: SpendCaps | None) -> State:
    return {name: _money(value) for name, value in (caps or SpendCaps())._asdict().items()}


def _of_account(tx: Tx, command: AccountChange) -> State:
    account = find_accounts(tx, [command.account_id], lock=False).get(command.account_id)
    if account is None:
        return _NOTHING
    wallet = find_wallet(tx, account.id)
    state = {"name": account.name, "status": "closed" if account.closed_at is not None else account.state.value}
    if wallet is None:
        return state
    caps = _caps(find_caps_of(tx, [account.id]).get(account.id))
    return {**state, "credit_limit": _money(wallet.credit_limit), "below": _money(wallet.alert_below), **caps}


def _of_key(tx: Tx, command: CapKey) -> State:
    return _caps(find_caps_of(tx, [command.key_id]).get(command.key_id))


def _of_person(tx: Tx, command: PersonChange) -> State:
    person = find_people(tx, [command.person_id]).get(command.person_id)
    return _NOTHING if person is None else {"role": person.role.value, "status": person.state.value}


def _of_passkey(tx: Tx, command: PasskeyChange) -> State:
    passkey = find_passkeys(tx, [command.passkey_id]).get(command.passkey_id)
    return _NOTHING if passkey is None else {"name": passkey.name}


def _rule(rule: PriceRule) -> State:
    term, billing = term_of(rule.term), billing_of(rule.billing)
    percent = None if rule.margin_percent is None else format_micros(rule.margin_percent * _MARGIN_AS_PERCENT)
    return {
        "carrier": rule.carrier,
        "currency": rule.currency,
        "price": _money(rule.price),
        "setup_price": _money(rule.setup),
        "per_minute_price_inbound": _money(rule.inbound),
        "per_minute_price_outbound": _money(rule.outbound),
        "margin_percent": percent,
        "margin_fixed": _money(rule.margin_fixed),
        "round_to": _money(rule.round_to),
        "period_unit": term.unit.value,
        "period_every": term.every,
        "increments": None if billing.increments is None else str(billing.increments),
        "connect_fee": _money(billing.connect),
        "rounding": billing.rounding.value,
    }


def _of_price_rule(tx: Tx, command: PriceRule) -> State:
    found = [rule for rule in find_rules(tx, [command.carrier]) if rule.matches == command.matches]
    return _rule(found[0]) if found else _NOTHING


def _of_removed_rule(tx: Tx, command: str) -> State:
    rule = find_rules_by_id(tx, [command]).get(command)
    return _NOTHING if rule is None else _rule(rule)


def _of_rate(tx: Tx, command: ExchangeRate | Pair) -> State:
    for rate in find_rates(tx):
        if (rate.base, rate.quote) == (command.base, command.quote):
            return {"rate": format_rate(rate.rate)}
    return _NOTHING


def _of_rent_policy(tx: Tx, command: SetRentPolicy) -> State:
    policy = find_rent_policies(tx, [command.account_id]).get(command.account_id)
    if policy is None:
        return _NOTHING
    state = {name: value for name, value in policy._asdict().items() if name not in ("account_id", "updated_at")}
    return {**state, "auto_renew": None if policy.auto_renew is None else bool(policy.auto_renew)}


def _rental(tx: Tx, account_id: str | None, e164: str, rental_id: str | None) -> Rental | None:
    if account_id is None:
        return None if rental_id is None else find_rental(tx, rental_id)
    found = find_rented(tx, account_id, e164) if rental_id is None else find_rented_by_id(tx, account_id, rental_id)
    return None if found is None else found.rental


def _of_labels(tx: Tx, command: Labelling) -> State:
    rental = _rental(tx, command.account_id, command.e164, command.rental_id)
    if rental is None:
        return _NOTHING
    names = {"friendly_name": rental.friendly_name, "agent_id": rental.agent_id, "tags": list(rental.tags)}
    return {**names, "auto_renew": rental.ends_at is None}


def _of_assignment(tx: Tx, command: Assignment) -> State:
    rental = _rental(tx, command.account_id, command.e164, command.rental_id)
    return _NOTHING if rental is None else {"connection_id": rental.connection_id}


def _of_connection(tx: Tx, command: ConnectionChange) -> State:
    found = find_connections(tx, [command.connection_id]).get(command.connection_id)
    if found is None or found.deleted_at is not None:
        return _NOTHING
    own = {"name": found.name, "kind": found.kind.value, "preset": found.preset}
    return {**own, "settings": found.settings, "secrets": found.secrets}


def _of_webhook(tx: Tx, command: WebhookChange) -> State:
    found = find_endpoints(tx, [command.endpoint_id]).get(command.endpoint_id)
    if found is None or found.deleted_at is not None:
        return _NOTHING
    status = "enabled" if found.disabled_at is None else "disabled"
    own = {"url": found.url, "description": found.description, "secret": found.secret}
    return {**own, "kinds": found.kinds, "status": status}


def _of_carrier(tx: Tx, command: CarrierSetup) -> State:
    found = find_carriers_named(tx, [command.name]).get(command.name)
    if found is None:
        return _NOTHING
    own = {"kind": found.kind, "status": found.state.value}
    return {**own, "options": dict(sorted(found.options.items())), "credentials": found.credentials}


def _of_settings(tx: Tx, command: SetSettings) -> State:
    found = find_number_settings(tx, command.account_id, command.e164, command.rental_id)
    if found is None or found.row is None:
        return _NOTHING
    return {"emergency_address": found.row.emergency_address, "caller_name": found.row.caller_name}


STATES: Final[Mapping[object, StateOf]] = {
    AccountChange: _of_account,
    CapKey: _of_key,
    PersonChange: _of_person,
    PasskeyChange: _of_passkey,
    PriceRule: _of_price_rule,
    remove_price_rules: _of_removed_rule,
    ExchangeRate: _of_rate,
    Pair: _of_rate,
    SetRentPolicy: _of_rent_policy,
    Labelling: _of_labels,
    Assignment: _of_assignment,
    ConnectionChange: _of_connection,
    WebhookChange: _of_webhook,
    CarrierSetup: _of_carrier,
    SetSettings: _of_settings,
}
"""What reads a state, by the kind of command that changes it or, where that is a plain text, by its flow."""
