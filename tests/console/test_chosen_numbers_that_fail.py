"""What is done to several numbers is told number by number, also where the database fails in between."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from numberdesk.api.endpoint import ApiResponse
from numberdesk.console.pages.chosen_numbers import _Chosen, _outcome, _Plan
from numberdesk.infra.db import StorageFailedError


class FailingVisit:
    """A visit whose database fails as something is to be changed."""

    request_id, address = "req_1", "/console/numbers/chosen/do"

    async def ask(self, name: str, **_: Any) -> ApiResponse:
        if name.startswith("GET"):
            return ApiResponse(SimpleNamespace(id="rnt_1", friendly_name="", tags=(), connection_id=None, ends_at=None))
        raise StorageFailedError("disk full")


def test_a_number_at_which_the_database_fails_is_told_beside_those_that_were_done() -> None:
    plan = _Plan("label", None, "Desk", (), frozenset(), "now", {})
    rental = SimpleNamespace(friendly_name="", tags=(), connection_id=None, ends_at=None)
    one = _Chosen("rnt_1", plan.seen(rental), rental)
    told = asyncio.run(_outcome(cast("Any", FailingVisit()), plan, one))
    assert (told["state"], "cannot take the change" in told["why"]) == ("not done", True)
