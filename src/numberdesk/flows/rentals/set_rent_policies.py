"""Let terms of rent differ for an account: grace, notice, reminders, missed periods, proration, renewal.

Touches: database.

They hold from then on, for all its rentals: what was charged, announced or told before stays. Whether rentals are
renewed is a term of those that begin later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from numberdesk.accounts.store import find_accounts
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.rental import LONGEST_REMINDER, MissedRule, Proration
from numberdesk.flows.rentals.rent_records import parse_reminders
from numberdesk.infra.db import Tx
from numberdesk.ledger.store import lock_wallets
from numberdesk.numbers.rent_store import RentPolicy, find_rent_policies, save_rent_policy

MOST_HOURS: Final = 8760
MOST_DAYS: Final = 3650

Terms = Mapping[str, Any]
"""Terms of a policy by their names; None is as the settings say."""

_HIGHEST: Final = MappingProxyType({"grace_hours": MOST_HOURS, "notice_days": MOST_DAYS})
_RENEWS: Final = MappingProxyType({"on": 1, "off": 0, True: 1, False: 0})
_WORDS: Final = MappingProxyType({"missed": tuple(MissedRule), "proration": tuple(Proration)})
TERMS: Final = ("grace_hours", "reminder_days", "missed", "notice_days", "proration", "auto_renew")


class SetRentPolicy(NamedTuple):
    """At `now` these terms of an account are others; what is not among them stays."""

    account_id: str
    terms: Terms
    now: int


def rent_policy(account_id: str, terms: Terms, now: int) -> SetRentPolicy:
    """Check what a person typed. Raises InvalidRequest naming the field."""
    for name, value in terms.items():
        if value is None:
            continue
        if name in _HIGHEST and not (isinstance(value, int) and 0 <= value <= _HIGHEST[name]):
            raise InvalidRequest(name, f"must be a whole number from 0 to {_HIGHEST[name]}")
        if name in _WORDS and value not in _WORDS[name]:
            raise InvalidRequest(name, f"must be one of {', '.join(_WORDS[name])}")
    checked = dict(terms)
    if checked.get("reminder_days") is not None:
        checked["reminder_days"] = _reminders(str(checked["reminder_days"]))
    if checked.get("auto_renew") is not None:
        if checked["auto_renew"] not in _RENEWS:
            raise InvalidRequest("auto_renew", "must be on or off")
        checked["auto_renew"] = _RENEWS[checked["auto_renew"]]
    return SetRentPolicy(account_id, checked, now)


def _reminders(typed: str) -> str:
    parts = [part.strip() for part in typed.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() and len(part) == 1 for part in parts) or "0" in parts:
        raise InvalidRequest("reminder_days", f"must be days from 1 to {LONGEST_REMINDER}, separated by commas")
    days = parse_reminders(typed)
    if days and days[0] > LONGEST_REMINDER:
        raise InvalidRequest("reminder_days", f"must be days from 1 to {LONGEST_REMINDER}, separated by commas")
    return ",".join(map(str, days))


def set_rent_policies(tx: Tx, commands: Sequence[SetRentPolicy]) -> list[RentPolicy | NumberdeskError]:
    """The write flow: policies as they are then. NotFound for no account, and for one of operators."""
    ids = {command.account_id for command in commands}
    lock_wallets(tx, ids)  # what happens to rentals of an account locks it first
    accounts = find_accounts(tx, ids, lock=False)
    known = find_rent_policies(tx, ids)
    outcomes: list[RentPolicy | NumberdeskError] = []
    for command in commands:
        account = accounts.get(command.account_id)
        if account is None or account.kind is AccountKind.OPERATOR:
            outcomes.append(NotFound("There is no such account of a customer."))
            continue
        before = known.get(account.id) or RentPolicy(account.id, None, None, None, None, command.now)
        policy = known[account.id] = before._replace(**command.terms, updated_at=command.now)
        save_rent_policy(tx, policy)
        outcomes.append(policy)
    return outcomes
