"""Accounts at carriers, connected and changed by forms whose fields are those that each adapter says it is set up with.

Touches: nothing.

Secrets go in and never come out: no page has one, not even the page that shows a refused form again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from starlette.responses import Response

from numberdesk.console.kept_forms import NEVER_KEPT
from numberdesk.console.pages.supply import show_carrier
from numberdesk.console.screens import screen, show, show_again
from numberdesk.console.visit import Visit
from numberdesk.core.errors import NotFound, NumberdeskError
from numberdesk.infra.vault import VaultError

_HERE: Final = "/console/carriers"
_KINDS: Final = "GET /admin/carrier-kinds"
_CONNECT: Final = "POST /admin/carriers"
_ONE: Final = "GET /admin/carriers/{name}"
_CHANGE: Final = "PATCH /admin/carriers/{name}"
_CHECK: Final = "POST /admin/carriers/{name}/check"
_OPTION: Final = "option."
_WAS: Final = "was."
"""How an option stood when the form was shown: what was not changed there is not sent, so that two tabs, or two
people, take nothing of each other's back."""

_TAKEN_AWAY: Final = "without."


@screen("GET", "/carrier-kinds", _CONNECT, _KINDS)
async def choose(visit: Visit) -> Response:
    """Which carrier it is to be."""
    return show(visit, "carrier_kinds.html", _HERE, "Connect a carrier", kinds=await _kinds(visit))


@screen("GET", "/carrier-kinds/{kind}", _CONNECT, _KINDS)
async def form(visit: Visit) -> Response:
    """What has to be known of an account there."""
    return await _form(visit, visit.path["kind"], None)


@screen("POST", "/carrier-kinds/{kind}", _CONNECT, _KINDS, _CHECK, _ONE)
async def connect(visit: Visit) -> Response:
    """Connect it, ask it whether our credentials work, and show what it said."""
    kind, name = visit.path["kind"], visit.sent("name").strip()
    given = {field: text for field, text in _typed(visit, _OPTION).items() if text}
    try:
        await visit.ask(_CONNECT, body={"name": name, "kind": kind, "options": given, "secrets": _secrets(visit)})
    except NumberdeskError as error:
        return await show_again(visit, error, form)
    return await _checked(visit, name, "Connected.")


@screen("GET", "/carriers/{name}/settings", _CHANGE, _ONE, _KINDS)
async def settings(visit: Visit) -> Response:
    """How an account is set up, to be changed."""
    found = (await visit.ask(_ONE, path=visit.path)).data
    return await _form(visit, found.kind, found)


@screen("POST", "/carriers/{name}/settings", _CHANGE, _ONE, _KINDS, _CHECK)
async def change(visit: Visit) -> Response:
    """Change what was changed in the form, ask the carrier, and show what it said."""
    was = _typed(visit, _WAS)
    options = {name: text for name, text in _typed(visit, _OPTION).items() if text != was.get(name, "")}
    taken_away = dict.fromkeys(_typed(visit, _TAKEN_AWAY), "")
    body = {"options": options, "secrets": {**taken_away, **_secrets(visit)}}
    try:
        await visit.ask(_CHANGE, path=visit.path, body=body)
    except NumberdeskError as error:
        return await show_again(visit, error, settings)
    return await _checked(visit, visit.path["name"], "Saved.")


async def _form(visit: Visit, kind: str, carrier: Any) -> Response:
    kinds = await _kinds(visit)
    known = next((each for each in kinds if each.kind == kind), None)
    if known is None:
        raise NotFound("There is no such carrier.")
    shared = _shared(kinds)
    return show(
        visit,
        "carrier_setup.html",
        _HERE,
        f"Connect {kind}" if carrier is None else f"Settings of {carrier.name}",
        kind=kind,
        carrier=carrier,
        own=sorted((each for each in known.fields if each.name not in shared), key=lambda each: each.secret),
        shared=[each for each in known.fields if each.name in shared],
        options={} if carrier is None else carrier.options,
        kept=() if carrier is None else carrier.secrets,
        unkeepable=_unkeepable(visit),
        prefixes={"option": _OPTION, "was": _WAS, "secret": NEVER_KEPT, "without": _TAKEN_AWAY},
    )


async def _checked(visit: Visit, name: str, done: str) -> Response:
    outcome = (await visit.ask(_CHECK, path={"name": name})).data
    return await show_carrier(visit, name, outcome, done)


async def _kinds(visit: Visit) -> Sequence[Any]:
    found: Sequence[Any] = (await visit.ask(_KINDS)).data
    return found


def _shared(kinds: Iterable[Any]) -> set[str]:
    """The fields that every carrier has: how it is asked, not which account it is."""
    return set.intersection(*({field.name for field in kind.fields if not field.secret} for kind in kinds))


def _typed(visit: Visit, prefix: str) -> dict[str, str]:
    """The fields of the form that begin so, by what stands behind."""
    found = visit.form_values.items()
    return {name.removeprefix(prefix): text.strip() for name, text in found if name.startswith(prefix)}


def _secrets(visit: Visit) -> dict[str, str]:
    """Those that were typed; a field that was left empty stays as it is."""
    return {name: text for name, text in _typed(visit, NEVER_KEPT).items() if text}


def _unkeepable(visit: Visit) -> str:
    """Why secrets cannot be kept here, before anybody types one; empty where they can."""
    try:
        visit.entry_point.services.vault.seal("", {})
    except VaultError as error:
        return str(error)
    return ""
