"""Something done to several numbers: first a page that says what, to which; then one after the other, each told.

Touches: nothing.

Numbers are named by their rentals, each with a mark of how it stood on the page that was confirmed. Sent twice,
what was done the first time is found done; what somebody has changed since is left as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from numberdesk.api.routing import known_error
from numberdesk.console.connection_states import connections_of
from numberdesk.console.pages.numbers import numbers
from numberdesk.console.pages.shown_rows import shown_rows
from numberdesk.console.screens import screen, show, show_again
from numberdesk.console.tables import Column
from numberdesk.console.visit import Visit
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError

MOST: Final = 100
"""Numbers that something is done to at once: each waits for its own transaction."""

_ALL: Final = "GET /phone-numbers"
_ONE: Final = "GET /phone-numbers/{number}"
_LABEL: Final = "PATCH /phone-numbers/{number}"
_RELEASE: Final = "DELETE /phone-numbers/{number}/release"
_CONNECT: Final = "POST /phone-numbers/{number}/connection"
_HERE: Final = "/console/numbers"
_NOWHERE: Final = "rings nowhere"
_DEEDS: Final = {
    "connect": "Connect several numbers",
    "label": "Label several numbers",
    "release": "Give several numbers back",
}
_OF_OUTCOMES: Final = (Column("Number", "number"), Column("Outcome", "state"), Column("What came of it", "why"))
_FIELDS: Final = ("do", "connection_id", "friendly_name", "add_tags", "drop_tags", "at")
"""What was chosen, besides the numbers: from the first page to the second as it came."""


class _Plan(NamedTuple):
    """What is to be done to each number. `names` is what connections are called."""

    do: str
    connection_id: str | None
    friendly_name: str
    add: tuple[str, ...]
    drop: frozenset[str]
    at: str
    names: dict[str, str]

    def labels(self, rental: Any) -> dict[str, Any]:
        """The labels of a rental as they are to be."""
        kept = [tag for tag in rental.tags if tag not in self.drop]
        tags = [*kept, *(tag for tag in self.add if tag not in kept)]
        return {"friendly_name": self.friendly_name or rental.friendly_name, "tags": tags}

    def is_done(self, rental: Any) -> bool:
        """Whether a rental is as it is to be."""
        if self.do == "connect":
            return bool(rental.connection_id == self.connection_id)
        if self.do == "label":
            return self.labels(rental) == {"friendly_name": rental.friendly_name, "tags": list(rental.tags)}
        return not rental.is_active or (self.at == "period_end" and rental.ends_at is not None)

    def seen(self, rental: Any) -> str:
        """A mark of what is to be changed about a rental, as it stands."""
        about = {
            "connect": [rental.connection_id],
            "label": [rental.friendly_name, *rental.tags],
            "release": [rental.ends_at],
        }[self.do]
        return hashlib.sha256(repr(about).encode()).hexdigest()[:12]

    def words(self, rental: Any) -> tuple[str, str]:
        """How a rental is, and how it will be."""
        if self.do == "connect":
            return self._called(rental.connection_id), self._called(self.connection_id)
        if self.do == "label":
            wanted = self.labels(rental)
            return _labelled(rental.friendly_name, rental.tags), _labelled(wanted["friendly_name"], wanted["tags"])
        return ("", "given back now" if self.at == "now" else "given back when its month ends")

    def _called(self, connection_id: str | None) -> str:
        return _NOWHERE if connection_id is None else self.names.get(connection_id, connection_id)


class _Chosen(NamedTuple):
    """A number that was chosen: its rental as it stands, or why there is none."""

    rental_id: str
    seen: str
    rental: Any
    error: NumberdeskError | None = None


@screen("GET", "/numbers/chosen", _ALL, _ONE, _CONNECT, _LABEL, _RELEASE)
async def chosen(visit: Visit) -> Response:
    """What would be done to the numbers that were chosen, which stand in the address; looking changes nothing."""
    visit.form = visit.query
    try:
        plan, found = await _plan(visit), await _chosen(visit)
        if all(each.error for each in found):
            raise NotFound("This account rents none of these numbers.")
    except NumberdeskError as error:
        return await show_again(visit, error, numbers)
    return _confirmation(visit, plan, found)


@screen("POST", "/numbers/chosen/do", _ALL, _ONE, _CONNECT, _LABEL, _RELEASE)
async def do(visit: Visit) -> Response:
    """Do it to one after the other, and say what came of each."""
    try:
        plan, found = await _plan(visit), await _chosen(visit)
    except NumberdeskError as error:
        return await show_again(visit, error, numbers)
    if plan.do == "release" and visit.sent("count").strip() != str(len(found)):
        visit.error = InvalidRequest("count", f"must be {len(found)}, for so many numbers are given back")
        return _confirmation(visit, plan, found)
    outcomes = [await _outcome(visit, plan, each) for each in found]
    words = ("done", "so already", "not done")
    counts = {word: sum(each["state"] == word for each in outcomes) for word in words}
    told = shown_rows(visit, "what-was-done", _OF_OUTCOMES, map(_named, outcomes))
    return show(
        visit, "chosen_done.html", _HERE, _DEEDS[plan.do], outcomes=outcomes, counts=counts, plan=plan, rows=told
    )


def _confirmation(visit: Visit, plan: _Plan, found: Sequence[_Chosen]) -> Response:
    rows = [
        {"rental": each.rental, "words": plan.words(each.rental), "same": plan.is_done(each.rental),
         "value": f"{each.rental_id}.{each.seen or plan.seen(each.rental)}"}
        for each in found if each.rental is not None
    ]  # fmt: skip
    kept = {name: visit.sent(name) for name in _FIELDS}
    absent = [each for each in found if each.rental is None]
    return show(visit, "chosen.html", _HERE, _DEEDS[plan.do], rows=rows, kept=kept, absent=absent, plan=plan)


async def _plan(visit: Visit) -> _Plan:
    """What the form asks for. Raises InvalidRequest."""
    do, at = visit.sent("do"), visit.sent("at", "period_end")
    if do not in _DEEDS:
        raise InvalidRequest("do", "must be chosen: connect, label or give back")
    add, drop = _tags(visit.sent("add_tags")), _tags(visit.sent("drop_tags"))
    if do == "label" and not (add or drop or visit.sent("friendly_name").strip()):
        raise InvalidRequest("add_tags", "must be written, or tags to take off, or a label")
    names = {each.id: each.name for each in await connections_of(visit)} if do == "connect" else {}
    connection_id = visit.sent("connection_id").strip() or None
    return _Plan(do, connection_id, visit.sent("friendly_name").strip(), add, frozenset(drop), at, names)


async def _chosen(visit: Visit) -> list[_Chosen]:
    """The numbers that were ticked, each once. Raises InvalidRequest for none and for too many."""
    sent = dict(value.partition(".")[::2] for value in visit.form.get("chosen", []))
    if not sent:
        raise InvalidRequest("chosen", "has no number: tick some")
    if len(sent) > MOST:
        raise InvalidRequest("chosen", f"must be at most {MOST} numbers at once")
    found = []
    for rental_id, seen in sent.items():
        try:
            rental = (await visit.ask(_ONE, path={"number": rental_id})).data
            found.append(_Chosen(rental_id, seen, rental))
        except (NotFound, InvalidRequest) as error:
            found.append(_Chosen(rental_id, seen, None, error))
    return found


async def _outcome(visit: Visit, plan: _Plan, one: _Chosen) -> dict[str, Any]:
    """Do it to one number, unless it is done or somebody changed it since; why not, where it is refused."""
    try:
        if one.error is not None:
            raise one.error  # noqa: TRY301  a refusal is told as those below are
        # Read again: the numbers before it took their time.
        rental = (await visit.ask(_ONE, path={"number": one.rental_id})).data
        if plan.is_done(rental):
            return {"rental": rental, "state": "so already", "why": ""}
        if one.seen != plan.seen(rental):
            why = "It was changed since you confirmed, so it was left as it is. Choose it anew."
            return {"rental": rental, "state": "not done", "why": why}
        await _do(visit, plan, rental)
    except Exception as raised:  # noqa: BLE001  whatever it is, what was done to the numbers before it is told
        scope: Any = {"state": {"request_id": visit.request_id}, "path": visit.address, "method": "POST"}
        why = known_error(raised, scope).message
        return {"rental": one.rental, "id": one.rental_id, "state": "not done", "why": why}
    return {"rental": rental, "state": "done", "why": plan.words(rental)[1]}


def _named(outcome: dict[str, Any]) -> dict[str, Any]:
    """An outcome with its number, or the id that was sent where there is no such rental."""
    return {**outcome, "number": outcome["rental"].phone_number if outcome["rental"] else outcome["id"]}


async def _do(visit: Visit, plan: _Plan, rental: Any) -> None:
    path = {"number": rental.id}
    if plan.do == "connect":
        await visit.ask(_CONNECT, path=path, body={"connection_id": plan.connection_id})
    elif plan.do == "label":
        await visit.ask(_LABEL, path=path, body=plan.labels(rental))
    else:
        await visit.ask(_RELEASE, path=path, query={"at": plan.at})


def _tags(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag.strip() for tag in text.split(",") if tag.strip()))


def _labelled(label: str, tags: Sequence[str]) -> str:
    return " · ".join(filter(None, (label, ", ".join(tags)))) or "no label"
