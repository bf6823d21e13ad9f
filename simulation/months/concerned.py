"""What flows were about: the rentals and calls that a commit may have changed, and what was wanted by it.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from simulation.months.facts import NOTHING_SET, Facts, Settings
from simulation.process import Applied

HANDS: Final = {"give", "transfer", "take back", "restore", "adopt", "undo adoption"}
"""What operators do with rentals."""


def rentals_of(log: Sequence[Applied], facts: Facts) -> list[str]:
    """The rentals that flows were about."""
    found: set[str] = set()
    for applied in log:
        if applied.flow == "renew":
            found |= {command.due.id for command in applied.commands}
        elif applied.flow in ("release", "waive"):
            found |= {command.rental_id for command in applied.commands}
        elif applied.flow == "adopt":
            e164s = [command.e164 for batch in applied.commands for command in batch.commands]
            found |= {one.rental_id for e164 in e164s for one in facts.rentals_of(e164)}
        elif applied.flow in HANDS:
            found |= {one.rental_id for command in applied.commands for one in facts.rentals_of(command.e164)}
    return sorted(found)


def told_calls(log: Sequence[Applied]) -> set[tuple[str, str]]:
    """The calls whose records flows were told."""
    return {
        (record.source, record.call_id)
        for applied in log
        if applied.flow == "record calls"
        for command in applied.commands
        for record in command.records
    }


def note_wanted(log: Sequence[Applied], facts: Facts) -> None:
    """What rentals are to be connected to and to have set from now on, by what was asked for and not refused."""
    for applied in log:
        if applied.flow not in ("assign", "want settings"):
            continue
        for command, outcome in zip(applied.commands, applied.outcomes, strict=True):
            if isinstance(outcome, Exception):
                continue
            if applied.flow == "assign":
                facts.leads[command.rental_id] = command.connection_id
                continue
            before = facts.settings.get(command.rental_id, NOTHING_SET)
            facts.settings[command.rental_id] = Settings(
                before.address if command.emergency_address is None else command.emergency_address,
                before.name if command.caller_name is None else command.caller_name,
            )
