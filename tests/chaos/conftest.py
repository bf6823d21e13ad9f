"""Books for the service to be killed on."""

from __future__ import annotations

import pytest

from testbed.books import Books, make_books


@pytest.fixture
def books(database_url: str) -> Books:
    """Books with 40 numbers, wanted 80 times."""
    return make_books(database_url, numbers=40)
