"""Call records as switches and platforms send them on their own.

Touches: threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from numberdesk.api.auth import basic_pair
from numberdesk.api.call_bodies import ReceivedBody, received, require_few, unpacked
from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.api.feed_bodies import FORM, FeedBody, read_body
from numberdesk.api.sources import source_of
from numberdesk.api.turns import reading_turn
from numberdesk.core.call_callback import signed_by
from numberdesk.core.call_charging import TOO_MANY_PARKED, RecordOutcome, RecordResult, source_of_feed
from numberdesk.core.call_forms import CallForm
from numberdesk.core.call_mapping import parse_mapping
from numberdesk.core.errors import Forbidden, IdempotencyConflict, InvalidRequest, RateLimited
from numberdesk.flows.usage.change_feeds import checked_name
from numberdesk.usage.feed_store import find_feed
from numberdesk.usage.model import CallFeed
from numberdesk.views.usage import RecordResultView, record_result_view

_UNSIGNED: Final = "The signature of this callback is not that of the feed's secret."
_PARKED: Final = "So many records of this account wait for a person already that no more are taken."
_CONFLICT: Final = "differs from the first record of this call"


class FeedQuery(msgspec.Struct, frozen=True):
    """What senders put into the address; it is not heeded."""

    uuid: (
        Annotated[str, msgspec.Meta(description="Sent by FreeSWITCH beside the record, which names it too.")] | None
    ) = None


@endpoint(
    "POST",
    "/usage/in/{source:str}",
    summary="Take call records as FreeSWITCH, Twilio and their like send them",
    tag="Usage",
    scope="usage:write",
    query=FeedQuery,
    raw_body=FORM,
    raw_limit="usage_limit_bytes",
    data=list[RecordResultView],
    errors=("idempotency_conflict",),
    example="CallSid=CA1&CallStatus=completed&Direction=inbound&From=%2B13612738000&To=%2B13612738809&CallDuration=91"
    "&Timestamp=Fri%2C+20+Mar+2026+14%3A31%3A36+%2B0000",
    answer_example=[
        {
            "outcome": "accepted",
            "call_id": "CA1",
            "leg": "",
            "status": "charged",
            "amount": 0.017,
            "field": None,
            "reason": None,
        }
    ],
    key_refusal="is not taken by this request: a record that is sent again is taken once",
    operators_too=True,
)
async def take(request: ApiRequest) -> ApiResponse:
    """Answer when the record is on disk. A record that is not taken is an error, so that its sender keeps it."""
    services, account_id = request.services, request.caller.account_id
    name = checked_name(request.path["source"])
    feed = await request.read_back(lambda tx: find_feed(tx, account_id, name))
    limit = services.settings.usage_limit_bytes
    async with received(request.headers, request.receive, limit) as sent, reading_turn():
        body = await asyncio.to_thread(_read, request, sent, None if feed is None else feed.form)
        if feed is not None and feed.secret is not None:
            _require_signature(request, feed, body)
        mapping = None if feed is None or feed.mapping is None else parse_mapping(feed.mapping)
        source = source_of_feed(source_of(request.caller), name)
        results = await services.feed_desk.take(body.form, mapping, body.documents, source, request.now)
    _require_taken(results)
    return ApiResponse([record_result_view(result) for result in results])


def _read(request: ApiRequest, sent: ReceivedBody, declared: CallForm | None) -> FeedBody:
    raw = unpacked(request.headers, sent, request.services.settings.usage_limit_bytes)
    media_type = request.headers.get(b"content-type", b"").lower().partition(b";")[0].strip().decode("latin-1")
    body = read_body(raw, media_type, declared)
    require_few(len(body.documents))
    return body


def _require_signature(request: ApiRequest, feed: CallFeed, body: FeedBody) -> None:
    """Refuse what is not signed over the feed's address, as it was given to the sender: with user and key, or without.

    Raises Forbidden.
    """
    assert feed.secret is not None  # noqa: S101  for the types
    assert feed.url is not None  # noqa: S101  as above
    secret = request.services.vault.open(feed.seal_name, feed.secret)["secret"]
    signature = request.headers.get(b"x-twilio-signature", b"").decode("latin-1")
    if not signed_by(secret, [feed.url, *_with_key(request, feed.url)], body.pairs, signature):
        raise Forbidden(_UNSIGNED)


def _with_key(request: ApiRequest, url: str) -> list[str]:
    pair = basic_pair(request.headers.get(b"authorization", b""))
    if pair is None:
        return []
    parts = urlsplit(url)
    return [parts._replace(netloc=f"{pair.decode('latin-1')}@{parts.netloc}").geturl()]


def _require_taken(results: Sequence[RecordResult]) -> None:
    """Raise for the first record that was not taken; its sender tries again, or keeps it for a person."""
    for result in results:
        if result.outcome is RecordOutcome.CONFLICT:
            raise IdempotencyConflict(str(result.field), _CONFLICT)
        if result.outcome is RecordOutcome.REJECTED and result.reason == TOO_MANY_PARKED:
            raise RateLimited(_PARKED)
        if result.outcome is RecordOutcome.REJECTED:
            raise InvalidRequest(str(result.field), str(result.reason))
