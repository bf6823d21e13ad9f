"""The carriers there are adapters for, found in the folder of adapters, and what an account at each is set up with.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Final

from numberdesk.carriers import adapters
from numberdesk.carriers.adapters.http_api import CarrierKind, check_common
from numberdesk.carriers.papers import asked_papers
from numberdesk.carriers.port import Setup
from numberdesk.core.compliance import EMERGENCY_ADDRESS_ID
from numberdesk.core.errors import InvalidRequest
from numberdesk.infra.http import HttpRequest, HttpResponse, NotSentError

LONGEST_VALUE: Final = 500


def _found() -> dict[str, CarrierKind]:
    """What the modules of the folder of adapters declare as CARRIER. Modules without one are parts of an adapter."""
    names = sorted(module.name for module in iter_modules(adapters.__path__))
    modules = {name: import_module(f"{adapters.__name__}.{name}") for name in names}
    return {name: module.CARRIER for name, module in modules.items() if hasattr(module, "CARRIER")}


KINDS: Final[Mapping[str, CarrierKind]] = _found()
"""Every kind of carrier but the own pool, which needs no account, under the name of its adapter's module."""


def papers_of(kind: str) -> tuple[str, ...]:
    """The fields of a kind of carrier that name papers which orders are sent with; none where they take none."""
    known = KINDS.get(kind)
    return () if known is None else known.papers


def profile_fields(kind: str) -> tuple[str, ...]:
    """The fields that a compliance profile at a kind of carrier may have."""
    known = KINDS.get(kind)
    addresses = (EMERGENCY_ADDRESS_ID,) if known is not None and known.registers_addresses else ()
    return (*papers_of(kind), *addresses)


def checked_setup(kind: str, values: Mapping[str, str]) -> Setup:
    """The values that an account is set up with, as they may be stored. Raises InvalidRequest naming the field."""
    known = KINDS.get(kind)
    if known is None:
        raise InvalidRequest("kind", f"must be one of {', '.join(KINDS)}")
    fields = {field.name: field for field in known.all_fields}
    for name, value in values.items():
        if name not in fields:
            raise InvalidRequest(name, f"is nothing that {kind} is set up with; it takes {', '.join(fields)}")
        if not value.isascii() or not value.isprintable() or len(value) > LONGEST_VALUE or value != value.strip():
            raise InvalidRequest(
                name, f"must be at most {LONGEST_VALUE} printable ASCII characters without blanks around"
            )
    for field in known.fields:
        if field.required and not values.get(field.name):
            raise InvalidRequest(field.name, f"is required: {field.meaning}")
    setup = Setup({name: value for name, value in values.items() if value})
    check_common(setup)
    asked_papers(setup, known.papers)
    known.build(setup, _Nowhere())  # each adapter has rules of its own
    return setup


class _Nowhere:
    """For an adapter that is only built to see whether it can be."""

    async def send(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002  the signature of Http
        raise NotSentError("this goes nowhere")
