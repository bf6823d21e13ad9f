"""Which changes operators make who are no admins: the right that each endpoint needs of a person.

Touches: nothing.

What is not named here, a new endpoint among them, is for admins and for keys.
"""

from __future__ import annotations

from typing import Final

from numberdesk.core.roles import Right

_RIGHTS: Final = {
    "POST /admin/orders/": Right.DECIDES,
    "POST /admin/findings/": Right.DECIDES,
    "POST /admin/accounts/{account_id:str}/top-ups": Right.MOVES_MONEY,
    "POST /admin/accounts/{account_id:str}/adjustments": Right.MOVES_MONEY,
    "POST /admin/rentals/{rental_id:str}/waive": Right.MOVES_MONEY,
    "POST /admin/rentals/{rental_id:str}/run": Right.MOVES_MONEY,
}
"""Endpoints by method and path; those that end in a slash with all below them."""


def right_of(method: str, path: str) -> Right | None:
    """The right that an endpoint needs which changes something; None for one that only admins may ask."""
    name = f"{method} {path}"
    below = [right for begins, right in _RIGHTS.items() if begins.endswith("/") and name.startswith(begins)]
    return _RIGHTS.get(name) or next(iter(below), None)
