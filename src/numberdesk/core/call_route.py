"""Where a call to a rented number goes, or why it goes nowhere: what a server that asks is answered.

Touches: nothing.

Addresses are looked at once more before they are written into anybody's configuration: one that is not plainly host,
port and user is left out, whatever the books hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Final, NamedTuple

from numberdesk.core.call_record import MOST_SECONDS
from numberdesk.core.connection import NumberFormat, Route, SipRoute, SipTarget, SipTransport
from numberdesk.core.money import MAX_PRICE
from numberdesk.core.phone import PhoneError, parse_e164
from numberdesk.core.rating import CallRate, longest_of_legs

_SIP_ADDRESS: Final = re.compile(r"sips?:([^@;]*)", re.IGNORECASE)
_ADDRESS: Final = re.compile(
    r"sip:(?:(?P<user>[A-Za-z0-9_.!~*()&=+$,/-]{1,64})@)?"
    r"(?P<place>(?:[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?)",
    re.ASCII,
)
_PLAIN: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.!~*()+-")
_LONGEST_NUMBER: Final = 300


class RoutingRefusal(StrEnum):
    """Why a call goes nowhere."""

    NOT_IN_SERVICE = "not_in_service"
    NO_CONNECTION = "no_connection"
    SUSPENDED = "suspended"
    NO_BALANCE = "no_balance"
    IN_DEBT = "in_debt"
    NOT_PRICED = "not_priced"
    ENDED = "ended"
    TOO_LONG = "too_long"


class CallLeg(NamedTuple):
    """A SIP address that a call can be sent to, the called number written as its connection wants it."""

    uri: str
    target: SipTarget


class RoutedCall(NamedTuple):
    """Where a call goes. `max_seconds` is how long it may be, None where nothing limits it or nobody asked.

    With a session that is what is held for it; a call that is forwarded has one for its second leg as well. The legs
    are in the order in which they are to be tried.
    """

    e164: str
    account_id: str
    rental_id: str
    route: Route
    legs: tuple[CallLeg, ...]
    max_seconds: int | None = None
    session_id: str | None = None
    expires_at: int | None = None
    forward_session_id: str | None = None


class RefusedCall(NamedTuple):
    """Why a call goes nowhere. The account and rental are known where the asker may know them."""

    reason: RoutingRefusal
    e164: str | None = None
    account_id: str | None = None
    rental_id: str | None = None


CallAnswer = RoutedCall | RefusedCall


def read_called(text: str) -> str | None:
    """The number that is called: with a plus, without, with the space that an unescaped one becomes, or in a SIP URI.

    None for what is no such number: nobody rents it.
    """
    if len(text) > _LONGEST_NUMBER:
        return None
    address = _SIP_ADDRESS.match(text.strip())
    digits = (address[1] if address else text).strip().removeprefix("+")
    try:
        return parse_e164(f"+{digits}")
    except PhoneError:
        return None


def written(e164: str, form: NumberFormat, calling_code: str) -> str:
    """A number as a target wants it; the national form is what follows the `calling_code` of its country."""
    if form is NumberFormat.E164:
        return e164
    digits = e164.removeprefix("+")
    return digits.removeprefix(calling_code) if form is NumberFormat.NATIONAL else digits


def legs_of(route: Route, e164: str, chance: int, calling_code: str = "") -> tuple[CallLeg, ...]:
    """The legs of a route in their order; empty where it leads to no SIP address. `chance` is any large number.

    `calling_code` is that of the number's country, which only a national number format needs.
    """
    if not isinstance(route, SipRoute):
        return ()
    found: list[CallLeg] = []
    for target in in_turn(route.targets, chance):
        uri = address_of(target, written(e164, route.number_format, calling_code))
        if uri is not None:
            found.append(CallLeg(uri, target))
    return tuple(found)


def in_turn(targets: Iterable[SipTarget], chance: int) -> list[SipTarget]:
    """The lowest priority first; among equals the first is drawn by weight, then the next of the others."""
    ordered: list[SipTarget] = []
    for _, equals in groupby(sorted(targets, key=lambda one: one.priority), key=lambda one: one.priority):
        left = list(equals)
        while left:
            place, chance = _drawn(left, chance)
            ordered.append(left.pop(place))
    return ordered


def _drawn(left: Sequence[SipTarget], chance: int) -> tuple[int, int]:
    chance, drawn = divmod(chance, sum(target.weight for target in left))
    for place, target in enumerate(left):
        if drawn < target.weight:
            return place, chance
        drawn -= target.weight
    return 0, chance


def address_of(target: SipTarget, number: str) -> str | None:
    """The address that a call to a number is sent to; None for a target that is no plain address."""
    kept = _ADDRESS.fullmatch(target.uri)
    if kept is None:
        return None
    user = "".join(sign if sign in _PLAIN else f"%{ord(sign):02X}" for sign in kept["user"] or number)
    transport = "" if target.transport is SipTransport.UDP else f";transport={target.transport.value}"
    return f"sip:{user}@{kept['place']}{transport}"


def affordable(available: int, *legs: CallRate | None) -> int | None:
    """The seconds of a call that a balance buys, all its legs together.

    None where nothing limits them: every leg is free, or was never priced.
    """
    paid = [rate for rate in legs if rate is not None and (rate.per_minute or rate.connect)]
    return longest_of_legs(min(available, MAX_PRICE), paid, MOST_SECONDS) if paid else None
