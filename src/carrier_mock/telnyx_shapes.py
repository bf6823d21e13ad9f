"""How Telnyx writes things: numbers for sale, orders, numbers owned, errors.

Touches: nothing.

As in its specification (team-telnyx/openapi, spec3). A field that is not set is null where the
specification allows it and otherwise left out.
"""

from __future__ import annotations

from typing import Any, Final

from carrier_mock.exchange import Response, json_answer
from carrier_mock.inventory import Found
from carrier_mock.model import Api, Holding, HoldingState, Kind, Order, Place, as_uuid, derived
from carrier_mock.prices import CURRENCY, price_of, shown
from carrier_mock.settings import microseconds
from numberdesk.core.periods import to_datetime

_LEGACY: Final = {Kind.TOLL_FREE: "tollfree"}
_LEGACY_FOR: Final = microseconds(10)
_STATUSES: Final = {
    HoldingState.PENDING: "purchase-pending",
    HoldingState.ACTIVE: "active",
    HoldingState.PORTED: "ported-out",
    HoldingState.RELEASED: "deleted",
}
_ALWAYS_IN_NORTH_AMERICA: Final = ("emergency", "hd_voice", "local_calling")


def error(status: int, code: int, title: str, detail: str, *more: tuple[str, str], **source: str) -> Response:
    """An error in Telnyx's body (https://developers.telnyx.com/development/api-fundamentals/api-errors)."""
    one: dict[str, Any] = {"code": str(code), "title": title, "detail": detail}
    if source:
        one["source"] = source
    one["meta"] = {"url": f"https://developers.telnyx.com/docs/overview/errors/{code}"}
    return json_answer(status, {"errors": [one]}, *more)


def features(place: Place) -> tuple[str, ...]:
    """What numbers of a place can do."""
    extra = _ALWAYS_IN_NORTH_AMERICA if place.calling_code == "1" and "voice" in place.capabilities else ()
    return (*place.capabilities, *extra)


def for_sale(found: Found, price_times: int, *, best_effort: bool) -> dict[str, Any]:
    """A number of a search."""
    e164, place = found
    price = price_of(Api.TELNYX, place.country, place.kind).times(price_times)
    regions = [("country_code", place.country), ("state", place.region), ("location", place.locality)]
    regions.append(("rate_center", "SIMULATED" if place.simulated else place.locality.upper()))
    return {
        "record_type": "available_phone_number",
        "phone_number": e164,
        "vanity_format": "",
        "best_effort": best_effort,
        "quickship": True,
        "reservable": True,
        "region_information": [{"region_type": kind, "region_name": name} for kind, name in regions if name],
        "cost_information": {
            "upfront_cost": shown(price.setup),
            "monthly_cost": shown(price.monthly),
            "currency": CURRENCY,
        },
        "features": [{"name": name} for name in features(place)],
    }


def order(of: Order, place_of: dict[str, Place | None]) -> dict[str, Any]:
    """An order with everything about its numbers."""
    lines = []
    for line in of.lines:
        place = place_of.get(line.e164)
        papers = "requirement-info-pending" if of.papers_missing else "approved"
        lines.append(
            {
                "id": line.line_id,
                "record_type": "number_order_phone_number",
                "phone_number": line.e164,
                "status": of.status,
                "requirements_met": not of.papers_missing,
                "requirements_status": papers,
                "regulatory_requirements": _address_requirement(line.line_id) if of.papers_missing else [],
                "phone_number_type": (Kind.LOCAL if place is None else place.kind).value,
                "country_code": "US" if place is None else place.country,
                "country_iso_alpha2": "US" if place is None else place.country,
            }
        )
    return {**_order_head(of), "phone_numbers": lines}


def order_in_list(of: Order) -> dict[str, Any]:
    """An order as a list shows it."""
    return {**_order_head(of), "phone_numbers": [{"id": each.line_id, "phone_number": each.e164} for each in of.lines]}


def _order_head(of: Order) -> dict[str, Any]:
    head = {
        "id": of.order_id,
        "record_type": "number_order",
        "status": of.status,
        "phone_numbers_count": len(of.lines),
        "requirements_met": not of.papers_missing,
        "sub_number_orders_ids": [as_uuid(derived(of.order_id, "sub"))],
        "created_at": timestamp(of.at),
        "updated_at": timestamp(of.updated_at),
    }
    return {**head, "customer_reference": of.reference} if of.reference else head


def _address_requirement(line_id: str) -> list[dict[str, Any]]:
    one = {
        "record_type": "phone_number_regulatory_requirement",
        "requirement_id": as_uuid(derived(line_id, "requirement")),
        "field_type": "address",
        "field_value": "",
    }
    return [one]


def owned(
    holding: Holding, place: Place | None, connection_id: str | None = None, *, now: int | None = None
) -> dict[str, Any]:
    """A number on an account. With `now`, one that was just bought has its type in the old words, as documented."""
    kind = Kind.LOCAL if place is None else place.kind
    fresh = now is not None and now - holding.at < _LEGACY_FOR
    active = holding.standing is not HoldingState.PENDING
    return {
        **_UNSET,
        "connection_id": connection_id,
        "id": holding.number_id,
        "phone_number": holding.e164,
        "phone_number_type": _LEGACY.get(kind, "longcode") if fresh else kind.value,
        "country_iso_alpha2": "US" if place is None else place.country,
        "status": _STATUSES.get(holding.standing, "deleted"),
        "customer_reference": holding.reference or None,
        "source_type": "number_order" if holding.order_id else None,
        "created_at": timestamp(holding.at),
        "purchased_at": timestamp(holding.at),
        "updated_at": timestamp(holding.ended_at or holding.at),
        "activated_at": timestamp(holding.at) if active else None,
    }


def deleted(shown_as: dict[str, Any]) -> dict[str, Any]:
    """A number that was just given back. Its specification has texts where the one of an owned number has nulls."""
    for name in ("country_iso_alpha2", "emergency_status", "inbound_call_screening", "source_type"):
        del shown_as[name]
    return {name: "" if value is None and name != "activated_at" else value for name, value in shown_as.items()}


_UNSET: Final = {
    "record_type": "phone_number",
    "billing_group_id": None,
    "call_forwarding_enabled": True,
    "call_recording_enabled": False,
    "caller_id_name_enabled": False,
    "cnam_listing_enabled": False,
    "connection_id": None,
    "connection_name": None,
    "deletion_lock_enabled": False,
    "emergency_address_id": None,
    "emergency_enabled": False,
    "emergency_status": "disabled",
    "external_pin": None,
    "hd_voice_enabled": False,
    "inbound_call_screening": "disabled",
    "messaging_profile_id": None,
    "messaging_profile_name": None,
    "t38_fax_gateway_enabled": True,
    "tags": (),
}


def balance(micros: int) -> dict[str, Any]:
    """What an account has left."""
    return {
        "record_type": "balance",
        "balance": shown(micros),
        "credit_limit": "0.00",
        "available_credit": shown(micros),
        "pending": "0.00",
        "currency": CURRENCY,
    }


def timestamp(instant: int) -> str:
    """An instant as Telnyx writes it."""
    return to_datetime(instant).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
