"""Progress bars at a terminal, for commands that take long.

Touches: environment.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

Bars = Callable[[str, int, int | None], None]
"""Told what is done, how much of it, and of how much; None where that is not known."""


@contextlib.contextmanager
def bars() -> Iterator[Bars]:
    """A bar on standard error for each thing that is done; none where it is no terminal, so that timers mail little."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, of: int | None) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=of)
            progress.update(tasks[what], completed=done, total=of)

        yield show
