"""Endpoints and deliveries, and what becomes of both after a try.

Touches: nothing.

A delivery is tried as the Standard Webhooks specification proposes: at once, and then ever more seldom for three days.
Instants and delays are microseconds.
"""

from __future__ import annotations

import base64
from enum import StrEnum
from typing import Final, NamedTuple

from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.schedule import LONGEST_MESSAGE, Schedule, resting

_HOUR: Final = 3600 * MICROSECONDS

SCHEDULE: Final = Schedule(
    (5 * MICROSECONDS, 300 * MICROSECONDS, 1800 * MICROSECONDS, *(hours * _HOUR for hours in (2, 5, 10, 14, 20, 24))),
    endless=False,
)
"""The delays after the first try, which is made at once; after the last of them a delivery has failed."""

JITTER: Final = 0.1
"""By how much of itself a delay may be longer, so that what failed together does not come back together."""

LONGEST_WAIT: Final = int(SCHEDULE.longest * (1 + JITTER))
"""The longest wait that is ever set, also where a receiver asks for more."""

FAILING_FOR: Final = 5 * 24 * _HOUR
"""An endpoint that only failed for so long is disabled."""

_TRIES_TO_DISABLE: Final = 3
"""Tries that a delivery had before the one that may disable: after a quiet week one failure proves nothing."""

ROTATION: Final = 24 * _HOUR
"""How long a former secret signs beside the new one."""

SECRET_BYTES: Final = 32
"""Random bytes of a secret; the specification wants 24 to 64."""

MOST_ENDPOINTS: Final = 10
"""Endpoints of one account at a time."""

LONGEST_ANSWER: Final = 1000
"""Bytes of an answer's body that are kept."""

_OK: Final = range(200, 300)
_GONE: Final = 410


class EndpointStatus(StrEnum):
    """Whether an endpoint is sent events."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"  # it is due now or later
    DELIVERED = "delivered"
    FAILED = "failed"  # it is sent no more unless it is replayed


class WebhookEndpoint(NamedTuple):
    """A receiver of events. `kinds` is empty for every kind, `all_accounts` 1 for events of every account.

    Secrets are sealed. `failing_since` is the first failure after the last success.
    """

    id: str
    account_id: str
    all_accounts: int
    url: str
    description: str
    kinds: str
    secret: str
    created_at: int
    updated_at: int
    former_secret: str | None = None
    former_until: int | None = None
    failing_since: int | None = None
    disabled_at: int | None = None
    disabled_reason: str | None = None
    deleted_at: int | None = None

    @property
    def is_enabled(self) -> bool:
        """Whether it is sent events."""
        return self.disabled_at is None and self.deleted_at is None

    @property
    def status(self) -> EndpointStatus:
        """The same in a word."""
        return EndpointStatus.ENABLED if self.is_enabled else EndpointStatus.DISABLED

    def takes(self, account_id: str, kind: str, *, on_demand: bool) -> bool:
        """Whether it is to be told an account's event of a kind; one that is `on_demand` has to be named.

        Events that are about no account are for those alone that are told of every account.
        """
        mine = self.all_accounts == 1 or account_id == self.account_id
        return mine and (kind in self.kinds.split() if self.kinds else not on_demand)


class Delivery(NamedTuple):
    """An event on its way to an endpoint: the row, which is due work. `account_id` is the endpoint's."""

    id: str
    account_id: str
    endpoint_id: str
    event_id: str
    kind: str
    created_at: int
    next_at: int | None
    attempts: int = 0
    message: str = ""
    parked_at: int | None = None
    leased_until: int | None = None
    tried_at: int | None = None
    answer_status: int | None = None
    answer: str = ""
    delivered_at: int | None = None

    @property
    def status(self) -> DeliveryStatus:
        """Where it stands."""
        if self.delivered_at is not None:
            return DeliveryStatus.DELIVERED
        return DeliveryStatus.PENDING if self.parked_at is None else DeliveryStatus.FAILED


class Attempt(NamedTuple):
    """What came of sending once. `status` is None where no answer came, and `message` says why.

    `retry_after` is how long the receiver asks to be left alone.
    """

    status: int | None
    answer: str = ""
    message: str = ""
    retry_after: int | None = None

    @property
    def is_success(self) -> bool:
        """Whether the receiver has the event."""
        return self.status in _OK


def secret_text(random: bytes) -> str:
    """A new secret out of SECRET_BYTES random bytes, as the specification writes it."""
    return "whsec_" + base64.b64encode(random).decode()


def delivered(delivery: Delivery, attempt: Attempt, now: int) -> Delivery:
    """The receiver has it."""
    return resting(_tried(delivery, attempt, now))._replace(message="delivered", delivered_at=now, parked_at=None)


def put_off(delivery: Delivery, attempt: Attempt, now: int, jitter: float) -> Delivery:
    """It was not delivered: due again as the schedule says or the receiver asks, or failed after the last try.

    `jitter` is a random number from 0 to 1.
    """
    scheduled = SCHEDULE.next_at(delivery.attempts, now)
    tried = _tried(delivery, attempt, now)
    if scheduled is None:
        return given_up(tried, tried.message, now)
    wait = int((scheduled - now) * (1 + JITTER * jitter))
    if attempt.retry_after is not None:
        wait = max(wait, min(attempt.retry_after, LONGEST_WAIT))
    return tried._replace(next_at=now + wait, parked_at=None, leased_until=None)


def given_up(delivery: Delivery, message: str, now: int) -> Delivery:
    """It is sent no more, unless it is replayed."""
    return resting(delivery)._replace(message=message[:LONGEST_MESSAGE], parked_at=now)


def replayed(delivery: Delivery, now: int) -> Delivery:
    """It is sent at once, and has all its tries before it. A lease stays whose it is."""
    return delivery._replace(next_at=now, attempts=0, message="replayed", parked_at=None, delivered_at=None)


def _tried(delivery: Delivery, attempt: Attempt, now: int) -> Delivery:
    message = attempt.message or (f"answered {attempt.status}" if attempt.status is not None else "")
    return delivery._replace(
        attempts=delivery.attempts + 1,
        message=message[:LONGEST_MESSAGE],
        tried_at=now,
        answer_status=attempt.status,
        answer=attempt.answer,
    )


def after_attempt(endpoint: WebhookEndpoint, delivery: Delivery, attempt: Attempt, now: int) -> WebhookEndpoint:
    """The endpoint after a try of a delivery, as that was before it: maybe disabled."""
    if attempt.is_success:
        return endpoint._replace(failing_since=None)
    since = now if endpoint.failing_since is None else endpoint.failing_since
    failing = endpoint._replace(failing_since=since)
    if attempt.status == _GONE:
        return disabled(failing, "its receiver answered 410 Gone", now)
    if now - since >= FAILING_FOR and delivery.attempts >= _TRIES_TO_DISABLE:
        return disabled(failing, "nothing that was sent to it arrived for five days", now)
    return failing


def disabled(endpoint: WebhookEndpoint, reason: str, now: int) -> WebhookEndpoint:
    """The endpoint, to which nothing is sent; one that is disabled already keeps its reason."""
    if endpoint.disabled_at is not None:
        return endpoint
    return endpoint._replace(disabled_at=now, disabled_reason=reason, updated_at=now)


def enabled(endpoint: WebhookEndpoint, now: int) -> WebhookEndpoint:
    """The endpoint, which has proved nothing yet."""
    return endpoint._replace(disabled_at=None, disabled_reason=None, failing_since=None, updated_at=now)


def rotated(endpoint: WebhookEndpoint, sealed: str, now: int) -> WebhookEndpoint:
    """The endpoint with a new secret; the one before signs as well for a while."""
    return endpoint._replace(secret=sealed, former_secret=endpoint.secret, former_until=now + ROTATION, updated_at=now)
