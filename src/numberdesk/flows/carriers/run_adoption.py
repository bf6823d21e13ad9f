"""Adopt what a file says of a carrier's numbers: all of it or nothing, or only what is good of it.

Touches: database.

The carrier is asked for its list of our numbers, and nothing else. Every line is checked before the first is adopted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from numberdesk.accounts.store import find_accounts_named
from numberdesk.carriers.client import CarrierClient
from numberdesk.carriers.port import CarrierError, Trouble
from numberdesk.core.adoption import SALE, AdoptionLine, BadAdoption
from numberdesk.core.errors import NumberdeskError
from numberdesk.core.interventions import Warrant
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.prices import Prices
from numberdesk.flows.carriers.adopt_numbers import Adopt, Adopted, adopt_numbers
from numberdesk.flows.part_way import Taken, part_way
from numberdesk.infra.db import Tx
from numberdesk.infra.reader import Reader

MOST_PAGES: Final = 100_000
Outcome = Adopted | NumberdeskError
AT_ONCE: Final = 50
"""Numbers of one transaction, so that no purchase waits long behind one."""


class AdoptionReport(NamedTuple):
    """What became of a file. `bad` are lines that were left out, `already` those that were adopted before.

    `saved` is false where nothing was adopted: asked so, or for a bad line.
    """

    carrier: str
    owned: int
    rented: int
    offered: int
    already: int
    bad: tuple[BadAdoption, ...]
    saved: bool


async def owned_numbers(client: CarrierClient) -> dict[str, str]:
    """What stands on our account at the carrier: its ids, by number. Raises CarrierError."""
    owned: dict[str, str] = {}
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await client.owned(cursor)
        owned |= {number.e164: number.number_id for number in page.numbers if number.gone is None}
        cursor = page.cursor
        if cursor is None:
            return owned
    raise CarrierError(Trouble.UNREADABLE, "its list of our numbers does not end")


class _TriedError(Exception):
    """What would become of a batch, of which nothing is kept."""

    def __init__(self, outcomes: list[Outcome]) -> None:
        self.outcomes = outcomes


class Batch(NamedTuple):
    """Numbers that are adopted in one transaction."""

    commands: Sequence[Adopt]


def adopt_batches(tx: Tx, batches: Sequence[Batch]) -> list[list[Outcome]]:
    """The write flow: what became of each number of each batch."""
    return [adopt_numbers(tx, batch.commands) for batch in batches]


def _try_batches(tx: Tx, batches: Sequence[Batch]) -> list[list[Outcome]]:
    raise _TriedError(adopt_numbers(tx, batches[0].commands))


Apply = Callable[[Callable[[Tx, Sequence[Batch]], list[list[Outcome]]], Batch], Awaitable[list[Outcome]]]


@dataclass(slots=True)
class Adoption:
    """One run over a file, whose lines were read.

    `apply` runs a write flow. `warrant` makes one for a line: who does it, and why.
    """

    carrier: str
    owned: Mapping[str, str]
    apply: Apply
    reader: Reader
    new_id: Callable[[str], str]
    warrant: Callable[[], Warrant]

    async def run(
        self, lines: Sequence[AdoptionLine | BadAdoption], *, skip_bad: bool, dry_run: bool
    ) -> AdoptionReport:
        """Check every line, and adopt what may be."""
        bad = [one for one in lines if isinstance(one, BadAdoption)]
        good: list[tuple[AdoptionLine, Adopt]] = []
        for line in lines:
            if isinstance(line, AdoptionLine):
                read = self.reader.read_now(lambda tx, line=line: self._command(tx, line))  # type: ignore[misc]  # a default in a lambda
                if isinstance(read, BadAdoption):
                    bad.append(read)
                else:
                    good.append((line, read))
        tried = await self._tried([command for _, command in good])
        bad += [_bad(line, outcome) for (line, _), outcome in zip(good, tried, strict=True) if _is_bad(outcome)]
        if dry_run or (bad and not skip_bad):
            return self._report(tried, bad, saved=False)
        wanted = [pair for pair, outcome in zip(good, tried, strict=True) if not _is_bad(outcome)]
        done: list[Outcome] = []
        with part_way(Taken("numbers", "a number that was adopted stays as it is", len(wanted))) as taken:
            for place in range(0, len(wanted), AT_ONCE):
                batch = Batch([command for _, command in wanted[place : place + AT_ONCE]])
                done += await self.apply(adopt_batches, batch)
                taken.count = len(done)
        # What somebody took since it was tried is bad, too.
        bad += [_bad(line, outcome) for (line, _), outcome in zip(wanted, done, strict=True) if _is_bad(outcome)]
        return self._report(done, bad, saved=True)

    def _command(self, tx: Tx, line: AdoptionLine) -> Adopt | BadAdoption:
        if line.e164 not in self.owned:
            return BadAdoption(line.line, line.e164, f"phone_number is not on the account at {self.carrier}")
        account_id, currency = None, line.currency
        if not line.is_for_sale:
            found = [one for one in find_accounts_named(tx, line.account) if one.kind is AccountKind.CUSTOMER]
            exact = [one for one in found if one.id == line.account] or found
            if len(exact) != 1:
                return BadAdoption(
                    line.line, line.e164, f"account is none that there is: an id, an exact name, or {SALE}"
                )
            account_id, currency = exact[0].id, currency or exact[0].currency or ""
        if not currency:
            return BadAdoption(line.line, line.e164, "currency is missing")
        prices = Prices(currency, line.price, line.inbound, line.outbound, 0, line.term, line.billing)
        return Adopt(
            self.carrier, line.e164, self.owned[line.e164], account_id, prices, line.began, line.connection_id,
            self.new_id("ord"), self.warrant(),
        )  # fmt: skip

    async def _tried(self, commands: Sequence[Adopt]) -> list[Outcome]:
        """What would become of them, found out by doing it and keeping nothing."""
        outcomes: list[Outcome] = []
        for place in range(0, len(commands), AT_ONCE):
            try:
                await self.apply(_try_batches, Batch(commands[place : place + AT_ONCE]))
            except _TriedError as tried:
                outcomes += tried.outcomes
        return outcomes

    def _report(self, outcomes: Sequence[Outcome], bad: Sequence[BadAdoption], *, saved: bool) -> AdoptionReport:
        adopted = [one for one in outcomes if isinstance(one, Adopted)]
        anew = [one for one in adopted if one.anew]
        rented = sum(one.rental is not None for one in anew)
        already = len(adopted) - len(anew)
        return AdoptionReport(
            self.carrier, len(self.owned), rented, len(anew) - rented, already, tuple(sorted(bad)), saved
        )


def _is_bad(outcome: Outcome) -> bool:
    return isinstance(outcome, NumberdeskError)


def _bad(line: AdoptionLine, outcome: Outcome) -> BadAdoption:
    return BadAdoption(line.line, line.e164, outcome.message if isinstance(outcome, NumberdeskError) else "")
