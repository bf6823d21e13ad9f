"""What the tests of carriers have in common."""

from __future__ import annotations

import pytest

from numberdesk.infra.numbering import describe


@pytest.fixture(scope="session", autouse=True)
def numbering_data() -> None:
    """Load the numbering data before a carrier is waited for: that takes longer than these tests let one take."""
    describe("+13612738809")
