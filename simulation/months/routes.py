"""The judge of connections: at rest every number is set as it was last wanted, or the books say why not.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence

from numberdesk.core.connection import SipRoute, carrier_route
from simulation.months.books import Books
from simulation.months.carrier import CallingCompany
from simulation.months.customers import Customer
from simulation.months.facts import Facts
from simulation.world import World
from testbed.switchboard import Set, Switchboard


def judge_routes(
    world: World,
    books: Books,
    company: CallingCompany,
    customers: Sequence[Customer],
    facts: Facts,
) -> None:
    """What the carrier has is what was wanted, or it is said that it is not."""
    board = company.switchboard
    routes = {name: carrier_route(route) for customer in customers for name, route in customer.routes.items()}
    said = {
        rental_id: (state, message)
        for rental_id, state, message in books.rows("SELECT rental_id, state, message FROM rental_connections")
    }
    drifted = {e164 for (e164,) in books.rows("SELECT e164 FROM findings WHERE kind = 'drifted' AND state = 'open'")}
    needed = set()
    for rental in books.at_carrier():
        where = facts.leads.get(rental.rental_id)
        needed.add(where)
        there = board.set.get(rental.e164)
        nothing = facts.as_found.get(rental.e164)  # what was there before, where nobody has asked for anything
        good = there == nothing if where is None else there == Set(where, routes[where]) and _is_made(board, there)
        state, message = said.get(rental.rental_id, ("none", ""))
        if good and state == ("none" if where is None else "active"):
            world.reached("connected_as_wanted" if where else "connected_to_nothing")
        elif (state in ("failed", "unsupported") and message) or rental.e164 in drifted:
            world.reached("said_why_not_connected")
        else:
            raise world.broken(
                "routes", f"{rental.e164} is to lead to {where}, is {state}, and the carrier has {there}"
            )
    _judge_leftovers(world, company, needed)


def _is_made(board: Switchboard, there: Set | None) -> bool:
    """Whether what a number leads to is there, too, where it needs something of the carrier's."""
    return there is not None and (
        not isinstance(there.route, SipRoute) or board.made.get(there.connection_id) == there.route
    )


def _judge_leftovers(world: World, company: CallingCompany, needed: set[str | None]) -> None:
    """What nobody needs is not there any more."""
    left = set(company.switchboard.made) - needed
    if left:
        raise world.broken("routes", f"the carrier still has what was made for {left}")
    for e164 in company.switchboard.set:
        if company.has(e164) is None:
            raise world.broken("routes", f"{e164} went back, and still leads somewhere")
