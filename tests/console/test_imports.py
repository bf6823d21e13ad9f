"""Imports that go on by themselves: told while they run, stopped, and no more of them than there is room for."""

from __future__ import annotations

import asyncio
import gc
import io

import pytest

from numberdesk.api.import_watch import ImportStoppedError, ImportWatch
from numberdesk.catalog.model import ListingChunk, SavedChunk
from numberdesk.console.imports import ImportJob, Imports
from numberdesk.console.rendering import render
from numberdesk.core.errors import Internal, Overloaded
from numberdesk.core.purchase import POOL
from numberdesk.flows.catalog.run_import import run_import
from tests.api.conftest import Shop

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # imports are tried on both elsewhere


def job(name: str, watch: ImportWatch) -> ImportJob:
    return ImportJob(name, f"{name}.csv", dry_run=False, began_at="2026-03-20T14:30:00Z", watch=watch)


def test_a_fifth_import_beside_four_that_run_is_refused_and_those_that_ended_are_forgotten_in_turn(engine: str) -> None:
    assert engine

    async def act() -> list[str]:
        imports, forever = Imports(), asyncio.Event()

        async def run(one: ImportJob, *, ends: bool) -> None:
            if ends:
                one.error = Internal()
            else:
                await forever.wait()

        for place in range(12):
            imports.check_room()
            one = job(f"imp_{place}", ImportWatch())
            task = imports.begin(one, run(one, ends=place > 2))
            if place > 2:
                await task
        last = job("imp_last", ImportWatch())
        imports.begin(last, run(last, ends=False))
        with pytest.raises(Overloaded):
            imports.check_room()
        late = job("imp_late", ImportWatch())
        with pytest.raises(Overloaded):
            imports.begin(late, run(late, ends=True))
        names = [one.id for one in imports.latest()]
        forever.set()
        await asyncio.gather(*(one.task for one in imports.latest() if one.task))
        return names

    assert asyncio.run(act()) == [
        "imp_last",
        *(f"imp_{place}" for place in range(11, 5, -1)),
        "imp_2",
        "imp_1",
        "imp_0",
    ]


def test_an_import_tells_how_far_it_is_and_stops_between_two_chunks_with_what_it_saved(desk: Shop) -> None:
    watch, seen = ImportWatch(), []
    one = job("imp_1", watch)
    watch.arrived(1_000)

    def save(chunk: ListingChunk) -> SavedChunk:
        seen.append(render("import_state.html", job=one))
        watch.stop()
        return desk.services.writer.apply(desk.services.save_listings, chunk)

    lines = b"".join(b"+1361273%04d,1.15,USD\n" % place for place in range(4))
    with pytest.raises(ImportStoppedError):
        run_import(
            io.BytesIO(b"phone_number,monthly_price,currency\n" + lines), carrier=POOL, skip_bad=False,
            rejects=watch.rejects, read=desk.services.reader.read_now, save=save, progress=watch.note, most_per_chunk=2,
        )  # fmt: skip
    assert "Compared with the inventory" in seen[0]
    assert "4 of 4 lines" in seen[0]
    assert len(seen) == 1
    assert one.is_running


def test_the_rejected_lines_of_an_import_that_nobody_remembers_are_gone_with_it(engine: str) -> None:
    assert engine
    watch = ImportWatch()
    file, around = watch._file, [watch]
    around.append(around)  # type: ignore[arg-type]  # as an import and its task know each other
    del watch, around
    gc.collect()
    assert file.closed
