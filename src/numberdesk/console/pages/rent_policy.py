"""The terms of rent of an account, for operators: which are its own, and which are the settings'.

Touches: nothing.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from numberdesk.console.rendering import redirect
from numberdesk.console.screens import screen, show, show_again
from numberdesk.console.visit import Visit
from numberdesk.core.errors import NumberdeskError
from numberdesk.core.rental import MissedRule, Proration

_ACCOUNT: Final = "GET /admin/accounts/{account_id}"
_POLICY: Final = "/admin/accounts/{account_id}/rent-policy"
_NUMBERS: Final = ("grace_hours", "notice_days")
_WORDS: Final = ("missed", "proration")
_NO_DAYS: Final = "none"
"""What is typed for an account that is to be reminded on no day at all."""


@screen("GET", "/accounts/{account_id}/rent", f"GET {_POLICY}", _ACCOUNT)
async def rent_policy(visit: Visit) -> Response:
    """What holds for the account, and a form for what is to be its own."""
    found = (await visit.ask(f"GET {_POLICY}", path=visit.path)).data
    account = (await visit.ask(_ACCOUNT, path=visit.path)).data
    return show(
        visit,
        "rent_policy.html",
        "/console/accounts",
        f"Terms of rent of {account.name}",
        account=account,
        policy=found,
        own={name: _written(found, name) for name in found.own},
        missed_rules=[each.value for each in MissedRule],
        prorations=[each.value for each in Proration],
        may_change=visit.may(f"PUT {_POLICY}"),
    )


@screen("POST", "/accounts/{account_id}/rent", f"PUT {_POLICY}")
async def set_rent_policy(visit: Visit) -> Response:
    """Write the terms that are the account's own; what is empty is as the settings say."""
    given = visit.filled(*_NUMBERS, *_WORDS, "reminder_days", "auto_renew")
    body: dict[str, Any] = {name: _number(text) if name in _NUMBERS else text for name, text in given.items()}
    if "reminder_days" in given:
        days = "" if given["reminder_days"] == _NO_DAYS else given["reminder_days"]
        body["reminder_days"] = [_number(day) for day in days.replace(",", " ").split()]
    if "auto_renew" in given:
        body["auto_renew"] = {"yes": True, "no": False}.get(given["auto_renew"], given["auto_renew"])
    try:
        await visit.ask(f"PUT {_POLICY}", path=visit.path, body=body)
    except NumberdeskError as error:
        return await show_again(visit, error, rent_policy)
    return redirect(f"/console/accounts/{visit.path['account_id']}/rent?said=saved")


def _number(text: str) -> int | str:
    """A whole number as the endpoint takes it; anything else as it was typed, for the endpoint to refuse."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text  # noqa: PLR2004  any limit


def _written(policy: Any, name: str) -> str:
    """A term as the form has it."""
    value = getattr(policy, name)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (", ".join(map(str, value)) or _NO_DAYS) if isinstance(value, tuple) else str(value)
