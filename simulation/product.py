"""What is simulated: the seams at which a part of the product can be taken out and another put in its place.

Touches: nothing.

The simulation's own tests put faulty parts there, and every one of them must be found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numberdesk.api.auth import Authenticator
from numberdesk.api.endpoint import Handler
from numberdesk.core.rent import RentTerms
from numberdesk.flows.catalog.import_inventory import save_listings
from numberdesk.flows.catalog.reprice import reprice
from numberdesk.flows.purchase.open_orders import open_orders
from numberdesk.flows.purchase.place_orders import Placement
from numberdesk.flows.rentals.release_numbers import release_numbers
from numberdesk.infra.db import Tx
from numberdesk.infra.writer import Writer
from simulation.carriers import SimulatedCarrier
from simulation.storage import FailingDatabase

Flow = Callable[[Tx, Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True)
class Product:
    """The parts. `instead` maps a write flow to the one that runs in its place, `handlers` does it for handlers.

    `wrapped` does it for flows by the names that the simulation gives them, which reaches those that are built, too.

    `adapter` stands for the adapters of carriers, which are the simulation's own.
    """

    open_orders: Callable[[int, int], Any] = open_orders
    release_numbers: Callable[[int, RentTerms], Any] = release_numbers
    save_listings: Callable[[Callable[[], int]], Any] = save_listings
    reprice: Callable[[Callable[[], int]], Any] = reprice
    writer: Callable[..., Writer] = Writer
    database: type[FailingDatabase] = FailingDatabase
    authenticator: Callable[..., Authenticator] = Authenticator
    placement: Callable[..., Placement] = Placement
    adapter: Callable[..., SimulatedCarrier] = SimulatedCarrier
    instead: Mapping[Flow, Flow] = field(default_factory=dict)
    handlers: Mapping[Handler, Handler] = field(default_factory=dict)
    wrapped: Mapping[str, Callable[[Flow], Flow]] = field(default_factory=dict)
