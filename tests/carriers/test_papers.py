"""Countries whose numbers an operator sells with papers only."""

from __future__ import annotations

import pytest

from numberdesk.carriers.papers import asked_papers
from numberdesk.carriers.port import Setup
from numberdesk.core.errors import InvalidRequest

FIELDS = ("bundle_sid",)


def test_papers_are_asked_for_in_the_countries_that_are_named_and_of_the_types_that_are() -> None:
    asks = asked_papers(Setup({"papers_for": "DE, FR:mobile,FR:national"}), FIELDS).ask
    assert [asks("DE", "local"), asks("DE", "mobile"), asks("FR", "mobile"), asks("FR", "national")] == [True] * 4
    assert [asks("FR", "local"), asks("US", "local"), asks("", "")] == [False] * 3


def test_nothing_is_asked_for_where_nothing_is_said_or_the_account_has_papers_for_all() -> None:
    assert not asked_papers(Setup({}), ()).ask("DE", "local")
    assert not asked_papers(Setup({"papers_for": "DE", "bundle_sid": "BU1"}), FIELDS).ask("DE", "local")


@pytest.mark.parametrize(
    ("text", "fields"), [("Germany", FIELDS), ("DE;FR", FIELDS), ("DE,", FIELDS), ("DE:landline", FIELDS), ("DE", ())]
)
def test_what_names_no_country_or_cannot_be_heeded_is_refused(text: str, fields: tuple[str, ...]) -> None:
    with pytest.raises(InvalidRequest, match="papers_for"):
        asked_papers(Setup({"papers_for": text}), fields)
