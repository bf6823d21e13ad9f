"""Watches every commit: does it again in the model, and compares the answers and the database with it.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from numberdesk.core.errors import IdempotencyConflict, InsufficientBalance, NotFound, OrderInProgress
from numberdesk.core.purchase import Refusal, Sold
from numberdesk.flows.accounts.fund_wallets import Funding
from numberdesk.infra.db import Database
from numberdesk.ledger.model import Transfer
from numberdesk.verify.books import verify
from simulation import agreed, audited, offered, returns
from simulation import carrier_orders as fulfilment
from simulation.audit import ALL, Auditor, touched
from simulation.books import Books, Mismatch
from simulation.due_work import KINDS, taking_up
from simulation.model import RULES, reprice
from simulation.process import Applied
from simulation.purchase import buy
from simulation.world import World

_MANY: Final = 3

_TELLING: Final[dict[str, Callable[[Books, Any, Any], list[str]]]] = {
    "settle": fulfilment.settle,
    "resolve": fulfilment.resolve,
    "hurry orders": fulfilment.hurry,
    "agree on time": agreed.agree,
    "note releases": returns.note,
    "begin audits": audited.begin,
    "ask for audits": audited.ask,
    "note audits": audited.note,
    "resolve findings": audited.resolve,
    **{kind.name: taking_up(kind) for kind in KINDS},
}
"""The rules that tell which goals a command reached."""

_CLEANED_UP: Final = {
    "quarantine_ended": "quarantines_ended",
    "answer_forgotten": "answers_forgotten",
    "offer_forgotten": "offers_forgotten",
    "key_forgotten": "keys_forgotten",
}
"""Goals, and what a clean-up counts for them."""


class Oracle:
    """Knows the books as they must be. It never raises inside a transaction: a violation is noted with the world.

    `look` holds the books against the carriers', after each command that may have changed what they must agree in.
    """

    def __init__(
        self, world: World, books: Books, auditor: Auditor, look: Callable[[str, Any, list[str]], None]
    ) -> None:
        self._world = world
        self._look = look
        self._books = books
        self._auditor = auditor
        self._changed: set[str] = set()

    def committed(self, log: Sequence[Applied]) -> None:
        """Do again what a transaction did."""
        for applied in log:
            self._changed.add(applied.flow)
            self._world.note(f"committed {applied.flow} x{len(applied.commands)}")
            try:
                self._do(applied)
            except Mismatch as mismatch:
                self._world.broken("contract", str(mismatch))
                return
        self._note_batches(log)

    def check(self) -> None:
        """After a turn: what was touched, now and then everything."""
        if not self._changed:
            return
        everything = self._world.happens(0.1)
        self._compare(ALL if everything else touched(self._changed))
        self._changed.clear()

    def check_all(self, database: Database, *, audit: bool) -> None:
        """Everything; with the product's own audit beside it when asked to, which takes as long as ten purchases."""
        self._changed.clear()
        self._compare(ALL)
        if not audit:
            return
        with database.read() as tx:
            report = verify(tx, lambda *_: None)
        for found in report.violations[:1]:
            self._world.broken(f"verify {found.invariant}", f"{found.table} {found.row}: {found.message}")
        self._world.reached("verified")

    def _compare(self, tables: frozenset[str]) -> None:
        difference = self._auditor.compare(self._books, tables)
        if difference is not None:
            self._world.broken(*difference)

    def _do(self, applied: Applied) -> None:
        self._books.opened.clear()
        if applied.flow == "keep offers":
            offered.keep(self._books, applied.commands)
            return
        for command, outcome in zip(applied.commands, applied.outcomes, strict=True):
            if applied.flow == "buy":
                self._world.reached(buy(self._books, command, outcome))
                self._note_key(command)
            elif applied.flow in _TELLING:
                goals = _TELLING[applied.flow](self._books, command, outcome)
                for goal in goals:
                    self._world.reached(goal)
                self._look(applied.flow, command, goals)
            elif applied.flow == "reprice":
                reprice(self._books, command, outcome, applied.seen)
            else:
                RULES[applied.flow](self._books, command, outcome)
                self._note(applied.flow, command, outcome)

    def _note_key(self, command: Any) -> None:
        if (command.account_id, command.idempotency_key) in self._books.forgotten:
            self._world.reached("key_used_after_it_was_forgotten")

    def _note(self, flow: str, command: Any, outcome: Any) -> None:
        """Goals that one command can reach."""
        if isinstance(command, Funding):
            self._note_movement(command, outcome)
        elif flow == "release":
            self._world.reached(_released(command, outcome))
        elif flow == "cleanup":
            for goal, counted in _CLEANED_UP.items():
                if getattr(outcome, counted):
                    self._world.reached(goal)

    def _note_movement(self, command: Funding, outcome: Any) -> None:
        if isinstance(outcome, Transfer) and outcome.id != command.transfer_id:
            self._world.reached("movement_replayed")
        elif isinstance(outcome, IdempotencyConflict):
            self._world.reached("movement_conflict")
        elif isinstance(outcome, InsufficientBalance):
            self._world.reached("adjustment_refused")

    def _note_batches(self, log: Sequence[Applied]) -> None:
        """Goals that take several commands in one transaction."""
        if len(log) > 1:
            self._world.reached("several_flows_in_a_batch")
        for applied in log:
            if len(applied.commands) >= _MANY:
                self._world.reached("three_commands_in_a_batch")
            if applied.flow == "buy" and len(applied.commands) > 1:
                self._note_rivals(applied)

    def _note_rivals(self, applied: Applied) -> None:
        pairs = list(zip(applied.commands, applied.outcomes, strict=True))
        sold = [command for command, outcome in pairs if isinstance(outcome, Sold)]
        for command, outcome in pairs:
            code = outcome.error.code if isinstance(outcome, Refusal) else None
            if code == "number_taken" and any(other.e164 == command.e164 for other in sold):
                self._world.reached("one_number_wanted_by_two_in_a_batch")
            if code == "insufficient_balance" and any(other.account_id == command.account_id for other in sold):
                self._world.reached("wallet_drained_within_a_batch")


def _released(command: Any, outcome: Any) -> str:
    if isinstance(outcome, NotFound):
        return "release_refused"
    if isinstance(outcome, OrderInProgress):
        return "release_of_an_open_order"
    return "released" if outcome.released_at == command.now else "released_again"
