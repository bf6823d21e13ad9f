"""The judge of findings: every difference from the carrier's own books is found, and nothing is that is none.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from numberdesk.core.findings import FindingKind
from numberdesk.flows.carriers.note_audits import PUTTING, WAITING, FindingResolution
from simulation.months.books import Books
from simulation.months.carrier import CallingCompany
from simulation.months.facts import NORTH, POOL, Facts
from simulation.process import Applied
from simulation.world import World

Key = tuple[str, str]
"""Kind and number."""

_CHANGE_FINDINGS: Final = {
    "note audits", "note releases", "resolve findings", "note looks", "note settings looks", "note trunk looks",
    "note connections", "note settings", "note trunks", "adopt", "release", "renew", "take back", "transfer",
}  # fmt: skip
_OF_AUDITS: Final = (
    FindingKind.ORPHAN, FindingKind.LOST, FindingKind.PORTED_AWAY, FindingKind.WRONG_REFERENCE,
    FindingKind.STALE_RELEASE,
)  # fmt: skip

_NOT_LOOKED_AT: Final = (FindingKind.LOST, FindingKind.PORTED_AWAY, FindingKind.WRONG_REFERENCE)


class FindingJudge:
    """Told of every commit, and asked at rest. `kept` are findings that a person wants to stay."""

    def __init__(self, world: World, facts: Facts, books: Books, company: CallingCompany) -> None:
        self._world = world
        self._facts = facts
        self._books = books
        self._company = company
        self._kept: set[Key] = set()
        self._releasing: set[str] = set()

    def committed(self, log: Sequence[Applied]) -> None:
        """A transaction is on the disk: what was decided stays so until the difference is gone."""
        flows = {applied.flow for applied in log}
        if not flows & _CHANGE_FINDINGS:
            return
        self._judge_kept(flows)
        for applied in log:
            if applied.flow == "note audits":
                for noted in applied.outcomes:
                    for finding in noted.news:
                        self._world.reached(f"{finding.kind}_found")
            elif applied.flow == "resolve findings":
                self._note_decisions(applied)

    def _judge_kept(self, flows: set[str]) -> None:
        """What is kept of a rented number is to be decided anew when it cannot go back by itself."""
        if "note releases" in flows:
            self._kept = {key for key in self._kept if FindingKind(key[0]) not in WAITING}
        states = self._states() if self._kept else {}
        again = sorted(key for key in self._kept if states.get(key) == "open")
        if again:
            raise self._world.broken("findings", f"{again} were kept, and are open again")
        self._kept = {key for key in self._kept if states.get(key) == "kept"}

    def _note_decisions(self, applied: Applied) -> None:
        for command, outcome in zip(applied.commands, applied.outcomes, strict=True):
            if isinstance(outcome, Exception):
                continue
            key = outcome.kind.value, command.e164
            if command.resolution is FindingResolution.KEEP:
                self._kept.add(key)
            if command.resolution is FindingResolution.RELEASE and outcome.kind is FindingKind.ORPHAN:
                self._releasing.add(command.e164)
                self._facts.asked.add(("give back", command.e164))

    def _states(self) -> dict[Key, str]:
        return {(kind, e164): state for kind, e164, state in self._books.rows("SELECT kind, e164, state FROM findings")}

    # At rest.

    def explained(self) -> set[str]:
        """Numbers of which a person was told why their carrier cannot be told anything, or has something else."""
        kinds = ("drifted", "lost", "wrong_reference")
        query = "SELECT e164 FROM findings WHERE state <> 'ended' AND kind IN (?, ?, ?)"
        return {e164 for (e164,) in self._books.rows(query, *kinds)}

    def at_rest(self, drifted: Mapping[FindingKind, set[str]]) -> None:
        """After a last audit. `drifted` are the numbers that are otherwise than wanted."""
        there = {key for key, state in self._states().items() if state != "ended"}
        wanted = self._differences()
        of_audits = {key for key in there if FindingKind(key[0]) in _OF_AUDITS}
        if of_audits != wanted:
            raise self._world.broken(
                "findings",
                f"not found: {sorted(wanted - of_audits)}, no difference: {sorted(of_audits - wanted)}",
            )
        # What a carrier does not know under the id of the books nobody can look at again: it stays as it was seen last.
        unseen = {e164 for kind, e164 in of_audits if FindingKind(kind) in _NOT_LOOKED_AT}
        for drift, e164s in drifted.items():
            false = {e164 for found, e164 in there if found == drift.value} - e164s - unseen
            if false:
                raise self._world.broken("findings", f"{sorted(false)} are {drift.value}, and are as they should be")
        for kind, _ in there:
            self._world.reached(f"{kind}_at_rest")
        self._judge_decisions(there)

    def _differences(self) -> set[Key]:
        """What an audit is to have found, by the carrier's books and by what the books say of orders and releases."""
        ours = self._company.ours
        live = {one.e164 for one in self._facts.rented.values() if one.ended_at is None and one.carrier == NORTH}
        ordered = {e164 for (e164,) in self._books.rows("SELECT e164 FROM orders WHERE state = 'ordering'")}
        going = {e164: (reference, parked) for e164, reference, parked in self._books.rows(_GOING)}
        known = live | ordered | going.keys()
        own = {e164 for e164, carrier in self._facts.carriers.items() if carrier == POOL}
        found = {(FindingKind.ORPHAN.value, e164) for e164 in ours.keys() - known - own}
        found |= {(FindingKind.LOST.value, e164) for e164 in live - ours.keys()}
        names = {held.number_id: e164 for e164, held in ours.items()}
        references = {e164: reference for e164, (reference, _) in going.items()}
        references |= dict(self._books.rows(_REFERENCES, NORTH))
        for e164, reference in references.items():
            if names.get(reference, e164) != e164:
                found.add((FindingKind.WRONG_REFERENCE.value, e164))
            elif e164 in going and e164 not in live and going[e164][1] is not None:
                found.add((FindingKind.STALE_RELEASE.value, e164))
        return found

    def _judge_decisions(self, there: set[Key]) -> None:
        """What was given back is gone, and what was put back is, or it is said why not."""
        said = {e164 for (e164,) in self._books.rows("SELECT e164 FROM carrier_releases WHERE confirmed_at IS NULL")}
        for e164 in sorted(self._releasing):
            if (FindingKind.ORPHAN.value, e164) in there and e164 not in said:
                raise self._world.broken("findings", f"{e164} was given back as an orphan, and is still there")
        query = """SELECT f.e164 FROM findings f JOIN rental_connections c ON c.e164 = f.e164 AND c.state = 'active'
            JOIN rentals r ON r.id = c.rental_id AND r.released_at IS NULL
            WHERE f.kind = 'drifted' AND f.state = 'open' AND f.message LIKE ?"""
        for (e164,) in self._books.rows(query, f"%{PUTTING}"):
            raise self._world.broken("findings", f"{e164} was put back, and its carrier was never told")


_GOING: Final = """SELECT e164, carrier_reference, parked_at FROM carrier_releases
    WHERE confirmed_at IS NULL AND carrier = 'north'"""
_REFERENCES: Final = """SELECT n.e164, o.carrier_reference FROM numbers n JOIN orders o ON o.id = n.order_id
    WHERE n.carrier = ? AND n.state IN ('assigned', 'claimed')"""
