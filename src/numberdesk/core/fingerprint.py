"""What a buy with an idempotency key said, compared field by field when the key comes again.

Touches: nothing.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Fingerprint(NamedTuple):
    """What a request with an idempotency key said; what it left out is None."""

    e164: str
    monthly: int
    inbound: int | None
    outbound: int | None
    setup: int | None = None
    unit: str | None = None
    every: int | None = None
    increments: str | None = None
    connect: int | None = None
    rounding: str | None = None


FINGERPRINT_FIELDS: Final = (
    "phone_number",
    "price",
    "per_minute_price_inbound",
    "per_minute_price_outbound",
    "setup_price",
    "period_unit",
    "period_every",
    "increments",
    "connect_fee",
    "rounding",
)

UNRECORDED: Final = -1
"""The setup price in the fingerprint of a request to an earlier release, which did not look at it."""


def differing_part(first: Fingerprint, second: Fingerprint) -> str | None:
    """The field in which two requests differ; None where they say the same."""
    for name, before, after in zip(FINGERPRINT_FIELDS, first, second, strict=True):
        if before not in (after, UNRECORDED):
            return name
    return None
