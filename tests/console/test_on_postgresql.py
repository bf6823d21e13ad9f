"""What SQLite stores and PostgreSQL does not, sent to pages that look something up without an endpoint."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from numberdesk.accounts.model import OPERATOR_SCOPES
from tests.api.conftest import Shop
from tests.console.browser import Browser
from tests.console.conftest import signed_in

pytestmark = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite takes any text


def test_what_is_no_text_for_the_database_is_somebody_or_something_that_is_not_there(
    another_desk: Callable[..., Shop],
) -> None:
    desk = another_desk()
    operator, nobody = signed_in(desk, desk.operator(OPERATOR_SCOPES)), Browser(desk.url)
    for email in ("\0", "a\0b@example.com"):
        assert nobody.post("/console/sign-in", {"email": email, "password": email}).status == 401
    assert nobody.post("/console/link", {"token": "\0", "password": "\0"}).status == 404
    assert operator.post("/console/accounts/%00/act").status == 404
