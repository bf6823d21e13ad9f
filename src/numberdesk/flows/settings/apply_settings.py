"""Tell carriers of emergency addresses and caller names until they have them, and look now and then whether they do.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from numberdesk.carriers.clients import CarrierClients
from numberdesk.carriers.finding_store import end_findings
from numberdesk.carriers.port import CarrierError
from numberdesk.core.connection import Unsupported
from numberdesk.core.findings import FindingKind
from numberdesk.core.number_settings import (
    NumberSettings,
    SettingsAnswer,
    SettingsKept,
    SettingsNotKept,
    SettingsState,
    ShownSettings,
    settings_answered,
    settings_looked_at,
    told_settings,
)
from numberdesk.core.periods import iso_seconds
from numberdesk.flows.note_drift import Drift, note_drift
from numberdesk.infra.db import Tx
from numberdesk.infra.due_work import DueWork, WorkOutcome
from numberdesk.infra.log import get_log
from numberdesk.infra.reader import Reader
from numberdesk.infra.writer import Writer
from numberdesk.numbers.settings_store import (
    DUE_SETTINGS,
    change_settings,
    find_settings,
    find_settings_to_look_at,
    lock_settings,
)
from numberdesk.outbox.model import NUMBER_SETTINGS_FAILED, NUMBER_SETTINGS_SET, Event
from numberdesk.outbox.store import insert_events

NUMBER_SETTINGS: Final = "number_settings"
"""The name of this kind of due work."""

LOOKS_AT_ONCE: Final = 5
"""Numbers whose carriers are looked at in a round."""

_NO_CARRIER: Final = "this carrier is not connected"


class ToldSettings(NamedTuple):
    """What a carrier answered to the settings of a generation."""

    answer: SettingsAnswer
    generation: int


class SettingsReport(NamedTuple):
    """What came of telling a carrier, by who had the lease `leased_until`."""

    rental_id: str
    told: ToldSettings
    leased_until: int | None
    now: int


class NotedSettings(NamedTuple):
    """The row after that. `lease_lost`: somebody else has it by now, or its rental has ended."""

    row: NumberSettings
    lease_lost: bool


class SettingsLook(NamedTuple):
    """What a look at a carrier showed of the settings of a generation; None: it could not be asked."""

    rental_id: str
    shown: ShownSettings | None
    generation: int
    now: int


def note_settings(tx: Tx, commands: Sequence[SettingsReport]) -> list[NotedSettings]:
    """The write flow: how numbers stand after what carriers said."""
    rows = lock_settings(tx, [command.rental_id for command in commands])
    outcomes: list[NotedSettings] = []
    events: list[Event] = []
    for command in commands:
        row = rows[command.rental_id]
        lease_lost = row.leased_until != command.leased_until
        if row.settled_at is None and not lease_lost:
            before = row
            row = settings_answered(before, command.told.answer, command.told.generation, command.now)
            rows[row.rental_id] = row
            events += _news(before, row, command.now)
            if row.state in (SettingsState.ACTIVE, SettingsState.NONE):
                end_findings(tx, row.carrier, FindingKind.SETTINGS_DRIFTED, [row.e164], command.now)
        outcomes.append(NotedSettings(row, lease_lost))
    change_settings(tx, list(rows.values()))
    insert_events(tx, events)
    return outcomes


def note_settings_looks(tx: Tx, commands: Sequence[SettingsLook]) -> list[None]:
    """The write flow: what was seen, unless other settings are wanted by now."""
    rows = lock_settings(tx, [command.rental_id for command in commands])
    for command in commands:
        row = rows[command.rental_id]
        if row.look_at is not None and row.generation == command.generation:
            shown = command.shown or ShownSettings("", as_wanted=row.state is SettingsState.ACTIVE)
            rows[row.rental_id] = settings_looked_at(row, shown, command.now)
            if command.shown is not None:
                _note(tx, row, command.shown, command.now)
    change_settings(tx, list(rows.values()))
    return [None] * len(commands)


def _note(tx: Tx, row: NumberSettings, shown: ShownSettings, now: int) -> None:
    if shown.as_wanted:
        end_findings(tx, row.carrier, FindingKind.SETTINGS_DRIFTED, [row.e164], now)
        return
    wanted = ", ".join(
        f"{what} {value}"
        for what, value in (("emergency address", row.emergency_address), ("caller name", row.caller_name))
        if value
    )
    said = f"it should have {wanted}; the carrier has: {shown.text}"
    note_drift(tx, Drift(row.carrier, row.e164, FindingKind.SETTINGS_DRIFTED, row.carrier_reference, said), now)


def _news(before: NumberSettings, row: NumberSettings, now: int) -> list[Event]:
    row_id = f"{row.rental_id}_{row.generation}"
    payload = {"phone_number": row.e164, "id": row.rental_id}
    if row.state is SettingsState.ACTIVE:
        return [NUMBER_SETTINGS_SET.event(row_id, row.account_id, {**payload, "set_at": iso_seconds(now)}, now)]
    if row.state in (SettingsState.FAILED, SettingsState.UNSUPPORTED) and before.state is SettingsState.PENDING:
        told = {**payload, "message": told_settings(row), "failed_at": iso_seconds(now)}
        return [NUMBER_SETTINGS_FAILED.event(row_id, row.account_id, told, now)]
    return []


def apply_settings(
    writer: Writer, reader: Reader, carriers: CarrierClients, now: Callable[[], int]
) -> DueWork[NumberSettings, ToldSettings | None]:
    """The kind of due work: numbers whose carriers are to be told of their settings."""

    async def tell(taken: NumberSettings) -> ToldSettings | None:
        row = await reader.look_up(lambda tx: find_settings(tx, taken.rental_id))
        if row is None or row.leased_until != taken.leased_until or row.settled_at is not None:
            return None
        client = await carriers.client(row.carrier)
        if client is None:
            return ToldSettings(SettingsNotKept(_NO_CARRIER), row.generation)
        return ToldSettings(await client.set_up(row.e164, row.carrier_reference, row.wanted), row.generation)

    async def note(taken: NumberSettings, told: ToldSettings | None) -> WorkOutcome:
        if told is None:
            return WorkOutcome.LEASE_LOST
        if not isinstance(told.answer, SettingsKept):
            said = told.answer.reason if isinstance(told.answer, Unsupported) else told.answer.message
            get_log().info("number not set up", carrier=taken.carrier, rental_id=taken.rental_id, said=said)
        noted = await writer.submit(note_settings, SettingsReport(taken.rental_id, told, taken.leased_until, now()))
        if noted.lease_lost:
            return WorkOutcome.LEASE_LOST
        return WorkOutcome.RETRIED if noted.row.settled_at is None else WorkOutcome.DONE

    return DueWork(NUMBER_SETTINGS, DUE_SETTINGS, tell, note, at_once=4)


async def look_at_settings(writer: Writer, reader: Reader, carriers: CarrierClients, now: Callable[[], int]) -> None:
    """One round: a few numbers whose carriers are asked whether they still have the settings."""
    for row in await reader.look_up(lambda tx: find_settings_to_look_at(tx, now(), LOOKS_AT_ONCE)):
        client = await carriers.client(row.carrier)
        shown = None
        try:
            shown = None if client is None else await client.settings(row.e164, row.carrier_reference, row.wanted)
        except CarrierError as error:
            get_log().info("settings not looked at", carrier=row.carrier, rental_id=row.rental_id, said=str(error))
        if shown is not None and not shown.as_wanted:
            get_log().warning("settings drifted", carrier=row.carrier, rental_id=row.rental_id, shown=shown.text)
        await writer.submit(note_settings_looks, SettingsLook(row.rental_id, shown, row.generation, now()))
