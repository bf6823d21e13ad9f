"""Carriers as the simulation knows them: where numbers come from, and who has to be asked before one is sold.

Touches: nothing.

Today there is the operator's own pool, which nobody has to be asked for. A simulated carrier that
answers, refuses, falls silent or buys twice takes the same place: it brings its listings, runs
stories of its own beside those of the doors, and says at the end whether its books agree with ours.
"""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from numberdesk.catalog.model import Listing
from numberdesk.core.purchase import POOL
from simulator.desk import listing
from simulator.model import Books
from simulator.operators import PRICES
from simulator.world import World


class Carrier(Protocol):
    """A carrier of the simulation."""

    name: str

    def listings(self, world: World) -> Sequence[Listing]:
        """The numbers that it offers at the beginning."""
        ...

    def stories(self, world: World) -> Sequence[Coroutine[Any, Any, None]]:
        """What goes on at the carrier while doors and workers run."""
        ...

    def unsettled(self, books: Books) -> str | None:
        """At rest: what of its own does not agree with the books (I7, I8), or is still open (I10)."""
        ...


class Pool:
    """The operator's own inventory."""

    name = POOL

    def listings(self, world: World) -> Sequence[Listing]:
        """Some numbers, a few of them without a price until a rule gives one."""
        return [
            listing(f"+1361200{place:04d}", None if world.happens(0.25) else world.one_of(PRICES))
            for place in range(world.plan.numbers)
        ]

    def stories(self, world: World) -> Sequence[Coroutine[Any, Any, None]]:  # noqa: ARG002  a pool has none
        """Nobody is asked."""
        return ()

    def unsettled(self, books: Books) -> str | None:
        """A number of the pool completes at once: no order may be open."""
        still_open = [order[0] for order in books.orders.values() if order[3] != "completed"]
        return f"open orders {still_open}" if still_open else None
