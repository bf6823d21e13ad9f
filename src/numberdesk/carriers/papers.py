"""Which numbers of a carrier account are sold with papers only, as its operator says: countries, and types in them.

Touches: nothing.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from numberdesk.carriers.port import Setup
from numberdesk.core.errors import InvalidRequest

FIELD: Final = "papers_for"
"""The field of an account's set-up."""

_PART: Final = re.compile(r"([A-Z]{2})(?::(local|mobile|toll_free|national))?", re.ASCII)


class AskedPapers(NamedTuple):
    """Countries with a type each; "" for all types. Nothing is asked where the account has papers of its own."""

    places: frozenset[tuple[str, str]]

    def ask(self, iso_country: str, number_type: str) -> bool:
        """Whether numbers of this type in this country are sold with papers only."""
        return not self.places.isdisjoint({(iso_country, ""), (iso_country, number_type)})


def no_papers_asked(iso_country: str, number_type: str) -> bool:  # noqa: ARG001  the signature of AskedPapers.ask
    """For an account of which nothing is said."""
    return False


def asked_papers(setup: Setup, papers: tuple[str, ...]) -> AskedPapers:
    """What an account says; `papers` are the fields of its kind that orders are sent with. Raises InvalidRequest."""
    text = setup.get(FIELD)
    if not text:
        return AskedPapers(frozenset())
    if not papers:
        raise InvalidRequest(FIELD, "is for carriers whose orders take papers, and this one's take none")
    found = [_PART.fullmatch(part.strip()) for part in text.split(",")]
    places = {(one[1], one[2] or "") for one in found if one is not None}
    if None in found:
        raise InvalidRequest(FIELD, "must be countries, each maybe with a type of number, like DE,FR:mobile")
    return AskedPapers(frozenset() if any(setup.get(name) for name in papers) else frozenset(places))
