"""Imports by upload, which go on when their page is left: how far each is, for as long as it is remembered.

Touches: nothing.

They are this process's: another process does not know them, and after a restart nobody does. The same file sent again
changes nothing that is there, so nothing is lost by that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Final

from numberdesk.api.import_watch import ImportWatch
from numberdesk.core.errors import NumberdeskError, Overloaded

_REMEMBERED: Final = 10
_MOST_UNFINISHED: Final = 4
"""Two run at a time, and the files of those that wait lie on the disk."""


@dataclass(eq=False)
class ImportJob:
    """One import: what was sent, and what came of it."""

    id: str
    file_name: str
    dry_run: bool
    began_at: str
    watch: ImportWatch
    report: Any = None
    error: NumberdeskError | None = None
    task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.report is None and self.error is None

    @property
    def bad(self) -> list[dict[str, Any]]:
        """The first of its bad lines, with what is wrong with each."""
        if self.report is not None:
            return [{"line": each.line, "reason": each.reason} for each in self.report.bad_lines]
        lines: Any = () if self.error is None else self.error.details.get("bad_lines", ())
        return list(lines)


class Imports:
    """The imports of this process, the latest last."""

    def __init__(self) -> None:
        self._jobs: dict[str, ImportJob] = {}

    def check_room(self) -> None:
        """Raise Overloaded where so many wait that one more would."""
        if sum(job.is_running for job in self._jobs.values()) >= _MOST_UNFINISHED:
            raise Overloaded(
                f"{_MOST_UNFINISHED} imports run or wait already. Nothing of this file was taken in; send it later."
            )

    def begin(self, job: ImportJob, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Remember an import and let it go on by itself; of those that ended, the first are forgotten.

        Raises Overloaded as `check_room` does: others may have begun since.
        """
        try:
            self.check_room()
        except Overloaded:
            work.close()
            raise
        ended = [one for one in self._jobs.values() if not one.is_running]
        for one in ended[: max(0, len(self._jobs) + 1 - _REMEMBERED)]:
            self.forget(one)
        self._jobs[job.id] = job
        job.task = asyncio.create_task(work)
        return job.task

    def find(self, job_id: str) -> ImportJob | None:
        """An import by its id."""
        return self._jobs.get(job_id)

    def latest(self) -> list[ImportJob]:
        """Those that are remembered, the latest first."""
        return list(reversed(self._jobs.values()))

    def forget(self, job: ImportJob) -> None:
        """Forget one that has ended, and its rejected lines."""
        self._jobs.pop(job.id, None)
        job.watch.close()
