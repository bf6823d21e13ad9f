"""A carrier whose requests are told to an observer: which call, what came of it, how long it took.

Touches: nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar, cast

from numberdesk.carriers.port import Carrier, CarrierError
from numberdesk.infra.observer import Observer

Result = TypeVar("Result")

_CALLS: Final = (
    *("search", "order", "find", "owned", "release", "check"),
    *("connect", "routing", "forget_connection", "set_up", "settings"),
)


def observed(carrier: Carrier, name: str, observer: Observer, seconds: Callable[[], float]) -> Carrier:
    """The same carrier. `seconds` is a clock that only goes forward."""
    return cast("Carrier", _Observed(carrier, name, observer, seconds))


class _Observed:
    """Passes everything on."""

    def __init__(self, carrier: Carrier, name: str, observer: Observer, seconds: Callable[[], float]) -> None:
        self._carrier = carrier
        self._name = name
        self._observer = observer
        self._seconds = seconds

    def __getattr__(self, call: str) -> Any:
        found = getattr(self._carrier, call)
        if call not in _CALLS:
            return found
        return lambda *given, **named: self._asked(call, found(*given, **named))

    async def _asked(self, call: str, story: Awaitable[Result]) -> Result:
        began, outcome = self._seconds(), "failed"
        try:
            result = await story
            outcome = _word(result)
        except CarrierError as error:
            outcome = error.trouble.value
            raise
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            self._observer.carrier_request(self._name, call, outcome, self._seconds() - began)
        return result


def _word(result: object) -> str:
    """What came of it, by the class of the answer: `Placed` is placed; a page, or a carrier that is well, is ok."""
    name = type(result).__name__
    if name == "Health":
        return "ok" if getattr(result, "ok", False) else "not_ok"
    if name.endswith("Page"):
        return "ok"
    return "".join(f"_{sign.lower()}" if sign.isupper() else sign for sign in name).lstrip("_")
