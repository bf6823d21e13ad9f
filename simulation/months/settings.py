"""The judge of emergency addresses and caller names: everybody has his own set, and nobody another's.

Touches: database.
"""

from __future__ import annotations

from simulation.months.books import Books
from simulation.months.carrier import CallingCompany
from simulation.months.facts import NOTHING_SET, Facts, Settings
from simulation.world import World

_ROWS = """SELECT r.id, r.e164, s.emergency_address, s.caller_name, s.state, s.message
    FROM rentals r LEFT JOIN number_settings s ON s.rental_id = r.id WHERE r.released_at IS NULL"""


def look_at_wanted(world: World, books: Books, facts: Facts) -> None:
    """What the books say that is wanted for a rental is what its own customer asked for last."""
    for rental_id, e164, address, name, *_ in books.rows(_ROWS):
        wanted, kept = facts.settings.get(rental_id, NOTHING_SET), Settings(address or "", name or "")
        if kept != wanted:
            raise world.broken("settings", f"{e164} of {rental_id} is to have {wanted}, and the books say {kept}")


def judge_settings(world: World, books: Books, company: CallingCompany, facts: Facts, explained: set[str]) -> set[str]:
    """At rest: the carrier has what is wanted, or it is said that it does not; nothing is left on what went back.

    The numbers that have something else. `explained` are those of which a person was told why.
    """
    look_at_wanted(world, books, facts)
    said = {rental_id: (state, message) for rental_id, _, _, _, state, message in books.rows(_ROWS)}
    otherwise = set()
    for rental in books.at_carrier():
        wanted = facts.settings.get(rental.rental_id, NOTHING_SET)
        there = company.settings.get(rental.e164, NOTHING_SET)
        state, message = said[rental.rental_id]
        if there != wanted:
            otherwise.add(rental.e164)
        if there == wanted and state in (("active",) if wanted != NOTHING_SET else ("none", None)):
            world.reached("set_as_wanted" if wanted != NOTHING_SET else "nothing_set_as_wanted")
        elif (state in ("failed", "unsupported", "drifted") and message) or rental.e164 in explained:
            world.reached("said_why_not_set")
        else:
            raise world.broken(
                "settings", f"{rental.e164} is to have {wanted}, is {state}, and the carrier has {there}"
            )
    for e164, there in company.settings.items():
        if company.has(e164) is None:
            raise world.broken("settings", f"{e164} went back, and still has {there}")
    return otherwise
