"""What is said of work in several transactions that ends between two of them: what was taken stays, and how much it is.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from numberdesk.core.errors import Details, Overloaded, RateLimited
from numberdesk.infra.db import CommitUnknownError, StorageFailedError
from numberdesk.infra.log import get_log


@dataclass(slots=True)
class Taken:
    """How many of some `things` are committed; `of` is how many were sent, where that is known.

    `again` says why the whole may be sent again.
    """

    things: str
    again: str
    of: int | None = None
    count: int = 0

    @property
    def told(self) -> str:
        """How far it came, in words."""
        whole = "" if self.of is None else f" of {self.of:,}"
        return f"{self.count:,}{whole} {self.things}"


@contextmanager
def part_way(taken: Taken) -> Iterator[Taken]:
    """Raise Overloaded that says what was taken before the database was busy or failed.

    Where nothing was, and that is sure, what was raised says so itself.
    """
    try:
        yield taken
    except (Overloaded, RateLimited, StorageFailedError) as error:
        unknown = isinstance(error, CommitUnknownError)
        if not taken.count and not unknown:
            raise
        if isinstance(error, StorageFailedError):
            get_log().warning("storage failed part-way", taken=taken.count, things=taken.things, reason=str(error))
        more = ", and of some more it is not known yet" if unknown else ""
        said = f"The service is busy. {taken.told} were taken{more}. Send it all again shortly: {taken.again}."
        details: Details = {"taken": taken.count}
        if taken.of is not None:
            details["sent"] = taken.of
        raise Overloaded(said, details) from error
