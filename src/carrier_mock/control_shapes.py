"""What is sent to the control endpoint, and what it shows.

Touches: nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from carrier_mock.faults import Armed, Fault
from carrier_mock.model import Api, Attempt, Deal, Holding, Kind, MadeCall, Operation, Order, Place, as_uuid
from carrier_mock.prices import shown
from carrier_mock.settings import LONGEST_SECONDS, Settings, State
from numberdesk.core.periods import to_datetime

Seconds = Annotated[float, msgspec.Meta(ge=0, le=LONGEST_SECONDS)]
Name = Annotated[str, msgspec.Meta(max_length=64)]


class NewFault(msgspec.Struct, forbid_unknown_fields=True):
    """A fault to arm. What is left out fits everything."""

    fault: Fault
    api: Api | None = None
    operation: Operation | None = None
    phone_number: str | None = None
    times: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    seconds: Seconds | None = None

    def armed(self) -> Armed:
        """The fault as it is kept."""
        return Armed(self.fault, self.api, self.operation, self.phone_number, self.times, self.seconds)


class NewWay(msgspec.Struct, forbid_unknown_fields=True):
    """What changes about a carrier."""

    state: State | None = None
    lag_seconds: Seconds | None = None
    answer_seconds: Seconds | None = None


class NewSettings(msgspec.Struct, forbid_unknown_fields=True):
    """What changes; the rest stays."""

    twilio: NewWay | None = None
    telnyx: NewWay | None = None
    order_seconds: Seconds | None = None
    searched_seconds: Seconds | None = None


class NewNumber(msgspec.Struct, forbid_unknown_fields=True):
    """A number to add for sale."""

    phone_number: str
    country: Annotated[str, msgspec.Meta(pattern="^[A-Z]{2}$")] = "US"
    calling_code: Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{0,2}$")] = "1"
    type: Kind = Kind.LOCAL
    area_code: Annotated[str, msgspec.Meta(pattern="^[0-9]{0,5}$")] = ""
    region: Name = ""
    locality: Name = ""
    capabilities: tuple[Literal["voice", "sms", "mms", "fax"], ...] = ("voice", "sms", "mms")
    address: Literal["none", "any", "local", "foreign"] = "none"

    def place(self) -> Place:
        """Where it is put."""
        return Place(
            self.country, self.calling_code, self.type, self.area_code, self.region, self.locality,
            capabilities=self.capabilities, address=self.address,
        )  # fmt: skip


class NewNumbers(msgspec.Struct, forbid_unknown_fields=True):
    """Numbers to add for sale."""

    numbers: list[NewNumber]


class NewOrphans(msgspec.Struct, forbid_unknown_fields=True):
    """Numbers to put on an account that nobody ordered: a given one, or so many of those for sale."""

    api: Api
    account: str | None = None
    phone_number: str | None = None
    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    reference: Name = ""


class NewPort(msgspec.Struct, forbid_unknown_fields=True):
    """A number that goes to another carrier."""

    phone_number: str


class NewCall(msgspec.Struct, forbid_unknown_fields=True):
    """A number that somebody calls."""

    phone_number: str


class NewCallRecord(msgspec.Struct, forbid_unknown_fields=True):
    """A call to or from a number that is on an account. Without `started_at` it has just ended."""

    phone_number: str
    direction: Literal["inbound", "outbound"] = "inbound"
    other: Name = "+12025550123"
    seconds: Annotated[int, msgspec.Meta(ge=0, le=172_800)] = 60
    started_at: datetime | None = None
    price: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 0.0085
    price_after_seconds: Seconds = 0


class Ending(msgspec.Struct, forbid_unknown_fields=True):
    """How a pending order ends now."""

    status: Literal["success", "failure"]


def settings_view(settings: Settings) -> dict[str, Any]:
    """The settings."""
    ways = {"twilio": settings.twilio._asdict(), "telnyx": settings.telnyx._asdict()}
    return {**ways, "order_seconds": settings.order_seconds, "searched_seconds": settings.searched_seconds}


def call_view(call: MadeCall) -> dict[str, Any]:
    """A call that was made."""
    return {
        "id": f"CA{call.token}" if call.api is Api.TWILIO else as_uuid(call.token),
        "api": call.api.value,
        "account": call.account,
        "phone_number": call.e164,
        "direction": call.direction,
        "seconds": call.seconds,
        "started_at": to_datetime(call.at).isoformat(),
    }


def fault_view(armed: Armed) -> dict[str, Any]:
    """A fault that is armed."""
    view = armed._asdict()
    view["phone_number"] = view.pop("e164")
    return {**view, "seconds": armed.time}


def holding_view(holding: Holding) -> dict[str, Any]:
    """A number that was bought or given."""
    return {
        "api": holding.api,
        "account": holding.account,
        "phone_number": holding.e164,
        "number_id": holding.number_id,
        "reference": holding.reference,
        "order_id": holding.order_id or None,
        "at": instant(holding.at),
        "charged": shown(holding.cost),
        "standing": holding.standing,
        "ended_at": None if holding.ended_at is None else instant(holding.ended_at),
    }


def attempt_view(attempt: Attempt) -> dict[str, Any]:
    """A request to order."""
    return {
        "api": attempt.api,
        "account": attempt.account,
        "phone_numbers": attempt.numbers,
        "reference": attempt.reference,
        "at": instant(attempt.at),
        "outcome": attempt.outcome,
        "code": attempt.said or None,
        "fault": attempt.fault or None,
    }


def order_view(order: Order) -> dict[str, Any]:
    """An order at Telnyx."""
    return {"order_id": order.order_id, "reference": order.reference, "status": order.status}


def deal_view(e164: str, deal: Deal) -> dict[str, Any]:
    """What is known of a number."""
    return {
        "phone_number": e164,
        "for_sale": deal.for_sale,
        "held": None if deal.holding is None else holding_view(deal.holding),
        "ordered": deal.ordered,
        "bought": deal.bought,
    }


def instant(at: int) -> str:
    """An instant as RFC 3339, to the microsecond."""
    return to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
