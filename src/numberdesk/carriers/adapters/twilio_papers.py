"""Papers at Twilio: what its numbers ask for, and under which names an order has them.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from numberdesk.core.compliance import Requirement

PAPERS: Final = {"bundle_sid": "BundleSid", "address_sid": "AddressSid", "identity_sid": "IdentitySid"}
"""Fields of an account's set-up, and the parameters of an order."""

_ADDRESSES: Final = {
    "any": Requirement.ADDRESS,
    "local": Requirement.LOCAL_ADDRESS,
    "foreign": Requirement.FOREIGN_ADDRESS,
}


def named_papers(papers: Mapping[str, str]) -> list[tuple[str, str]]:
    """What an order is sent with."""
    return [(parameter, papers[field]) for field, parameter in PAPERS.items() if papers.get(field)]


def required_papers(told: Any) -> tuple[str, ...]:
    """What a number asks for, by its `address_requirements`; none where it says nothing that is known."""
    found = _ADDRESSES.get(told) if isinstance(told, str) else None
    return () if found is None else (found.value,)
