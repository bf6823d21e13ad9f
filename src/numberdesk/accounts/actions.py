"""Who did what: the record of a change that somebody made, without what is secret in it.

Touches: nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from numberdesk.core.kept_json import fields_of
from numberdesk.core.roles import Via

MOST_DETAILS: Final = 2_000
"""Characters of what is kept of a change."""

_LONGEST_VALUE: Final = 200
_HIDDEN: Final = "..."
_SHOWN: Final = frozenset(
    [
        "accept_unknown",
        "account",
        "account_id",
        "all_accounts",
        "all_days",
        "allow_raise",
        "amount",
        "at",
        "auto_renew",
        "base",
        "below",
        "call",
        "carrier",
        "charge",
        "connect_fee",
        "connection",
        "connection_id",
        "country",
        "credit_limit",
        "currency",
        "days",
        "delivery",
        "dialect",
        "direction",
        "dry_run",
        "e164",
        "effective_from",
        "email",
        "every",
        "expires_at",
        "expires_days",
        "form",
        "forward",
        "friendly_name",
        "grace",
        "grace_hours",
        "inbound",
        "increments",
        "iso_country",
        "key_id",
        "kind",
        "kinds",
        "limit",
        "low_balance",
        "margin_fixed",
        "margin_percent",
        "method",
        "missed",
        "month",
        "name",
        "native",
        "new_name",
        "no",
        "none",
        "notice",
        "notice_days",
        "number",
        "number_format",
        "number_type",
        "object_kind",
        "order_id",
        "outbound",
        "passkey",
        "per_day",
        "per_minute",
        "per_minute_price_inbound",
        "per_minute_price_outbound",
        "per_month",
        "per_purchase",
        "period_every",
        "period_unit",
        "phone_number",
        "prefix",
        "preset",
        "price",
        "profile_id",
        "proration",
        "quote",
        "rate",
        "reason",
        "reference",
        "reminder_days",
        "reminders",
        "rental",
        "rental_id",
        "revoke_keys",
        "role",
        "round_to",
        "rounding",
        "rule",
        "rule_id",
        "scope",
        "scopes",
        "seconds",
        "setup",
        "setup_price",
        "since",
        "skip_bad",
        "source",
        "status",
        "tags",
        "test",
        "time_zone",
        "trust_clock",
        "unit",
        "unlimited",
        "until",
        "valid_until",
        "webhook_id",
        "with_descendants",
        "zone",
    ]
)
"""Fields whose values are kept. Of all others only that they were there is: they may be secrets or addresses."""


_OPERATORS_OWN: Final = ("carrier",)
"""Of what operators did, what their customers are not told elsewhere either: through whom numbers are had."""


class Action(NamedTuple):
    """A change: who made it, how, from where, what it was and of what. Empty texts stand for what is not known.

    `before` and `after` are how it stood, of what it changed, where that is read.

    `actor` is the email of a person, the name of a key or a user of the machine; it is filled in as it is written.
    """

    id: str
    created_at: int
    account_id: str
    via: Via
    actor_id: str
    what: str
    object_id: str = ""
    details: str = "{}"
    address: str = ""
    actor: str = ""
    actor_account_id: str = ""
    before: str = "{}"
    after: str = "{}"

    def with_states(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> Action:
        """With what differs between how a thing stood before and after."""
        names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        kept = [_kept_state({name: state.get(name) for name in names}) if state else "{}" for state in (before, after)]
        return self._replace(before=kept[0], after=kept[1])


class ActionPage(NamedTuple):
    """Actions that fit, the newest first. `walked_to` is the id of the last looked at, where more may fit before it."""

    items: list[Action]
    walked_to: str | None


def as_seen_by(account_id: str, action: Action) -> Action:
    """A change as an account is told of it: of one that an operator made, without what is the operator's own affair."""
    if action.actor_account_id == account_id:
        return action
    details, before, after = (_told(text) for text in (action.details, action.before, action.after))
    return action._replace(address="", details=details, before=before, after=after)


def _told(text: str) -> str:
    fields = {name: value for name, value in fields_of(text).items() if name not in _OPERATORS_OWN}
    return json.dumps(fields, ensure_ascii=False)


def kept_details(fields: Mapping[str, Any]) -> str:
    """What was asked for as JSON, with the values of known harmless fields alone."""
    text = json.dumps(_kept(fields), ensure_ascii=False, default=str)
    names = sorted(fields)
    while len(text) > MOST_DETAILS:  # as many names as there is room for: a text that is cut is no JSON
        text, names = json.dumps({"fields": names}), names[: len(names) // 2]
    return text


def _kept_state(fields: Mapping[str, Any]) -> str:
    """How something stood as JSON, with what it had not and what was not so."""
    none = {name: value for name, value in fields.items() if value is None or value is False}
    return json.dumps({**json.loads(kept_details(fields)), **none}, ensure_ascii=False)


def _kept(fields: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if value is None or value is False:
            continue
        if isinstance(value, Mapping):
            found[name] = _kept(value)
        elif name not in _SHOWN:
            found[name] = _HIDDEN
        elif isinstance(value, (list, tuple, set, frozenset)):
            found[name] = [str(each)[:_LONGEST_VALUE] for each in list(value)[:20]]
        else:
            found[name] = value if isinstance(value, bool | int) else str(value)[:_LONGEST_VALUE]
    return found
