"""Commands for webhooks of any account.

Touches: nothing.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from numberdesk.cli.output import fail, print_list, print_object
from numberdesk.cli.session import (
    AccountArgument,
    AsJson,
    Limit,
    Yes,
    account_called,
    asking_carriers,
    confirm,
    services,
)
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.periods import from_datetime
from numberdesk.flows.webhooks.change_webhooks import WebhookChange, change_webhooks, is_there
from numberdesk.flows.webhooks.create_webhooks import (
    NewWebhook,
    checked_description,
    checked_kinds,
    checked_url,
    create_webhooks,
)
from numberdesk.flows.webhooks.replay_deliveries import Replay, ReplayFailed, replay_deliveries, replay_failed
from numberdesk.outbox.model import KINDS_OF_EVENTS
from numberdesk.views.webhooks import delivery_view, new_webhook_view, webhook_test_view, webhook_view
from numberdesk.webhooks.delivery_store import list_deliveries
from numberdesk.webhooks.model import SECRET_BYTES, DeliveryStatus, EndpointStatus, WebhookEndpoint, secret_text
from numberdesk.webhooks.sender import seal_secret
from numberdesk.webhooks.store import find_endpoints, list_endpoints
from numberdesk.wiring import Services

webhooks = typer.Typer(help="Webhooks, to which events are sent.", no_args_is_help=True)

_OPTIONS: Final = {"url": "URL", "kinds": "--kind", "all_accounts": "--all-accounts", "description": "--description"}

WebhookArgument = Annotated[str, typer.Argument(metavar="WEBHOOK_ID")]
Kinds = Annotated[
    list[str] | None, typer.Option("--kind", help=f"May be given several times: {', '.join(KINDS_OF_EVENTS)}")
]


@webhooks.command("create")
def create(
    account: AccountArgument,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are posted to")],
    kind: Kinds = None,
    description: Annotated[str, typer.Option(help="What people call it")] = "",
    all_accounts: Annotated[  # noqa: FBT002  a flag
        bool, typer.Option("--all-accounts", help="Events of every account, for one of operators")
    ] = False,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Set up a webhook. Its secret is printed this once and stored only sealed."""
    with services(_OPTIONS) as running:
        owner, webhook_id, now = account_called(running, account), running.new_id("whk"), running.now()
        checked = asyncio.run(checked_url(running.egress, url))
        secret = secret_text(running.random_bytes(SECRET_BYTES))
        sealed = seal_secret(running.vault, webhook_id, secret)
        kinds, named = checked_kinds(kind), checked_description(description)
        made = WebhookEndpoint(webhook_id, owner.id, int(all_accounts), checked, named, kinds, sealed, now, now)
        running.writer.apply(create_webhooks, NewWebhook(made))
        print_object(new_webhook_view(made, secret), as_json=as_json)


@webhooks.command("list")
def list_webhooks(
    account: Annotated[str | None, typer.Argument(metavar="[ACCOUNT]", help="Only this account's")] = None,
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List webhooks without their secrets."""
    with services(_OPTIONS) as running:
        owner = None if account is None else account_called(running, account).id
        found = running.reader.read_now(lambda tx: list_endpoints(tx, owner, after_id=None, limit=limit))
        columns = ("id", "account_id", "status", "failing_since", "kinds", "url")
        print_list([webhook_view(one) for one in found], columns, as_json=as_json)


@webhooks.command("show")
def show(webhook_id: WebhookArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Show one webhook."""
    with services(_OPTIONS) as running:
        print_object(webhook_view(_called(running, webhook_id)), as_json=as_json)


@webhooks.command("change")
def change(
    webhook_id: WebhookArgument,
    url: Annotated[str | None, typer.Option(help="Where events are posted to from now on")] = None,
    kind: Kinds = None,
    description: Annotated[str | None, typer.Option(help="What people call it")] = None,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Change a webhook; what is left out stays as it is."""
    with services({**_OPTIONS, "url": "--url"}) as running:
        _called(running, webhook_id)
        wanted = WebhookChange(
            webhook_id,
            None,
            running.now(),
            url=None if url is None else asyncio.run(checked_url(running.egress, url)),
            kinds=None if kind is None else checked_kinds(kind),
            description=None if description is None else checked_description(description),
        )
        print_object(webhook_view(running.writer.apply(change_webhooks, wanted)), as_json=as_json)


@webhooks.command("enable")
def enable(webhook_id: WebhookArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Enable a webhook: it is sent what is still due, and new events."""
    with services(_OPTIONS) as running:
        wanted = WebhookChange(webhook_id, None, running.now(), status=EndpointStatus.ENABLED)
        print_object(webhook_view(running.writer.apply(change_webhooks, wanted)), as_json=as_json)


@webhooks.command("disable")
def disable(webhook_id: WebhookArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Disable a webhook: nothing is sent to it."""
    with services(_OPTIONS) as running:
        wanted = WebhookChange(webhook_id, None, running.now(), status=EndpointStatus.DISABLED)
        print_object(webhook_view(running.writer.apply(change_webhooks, wanted)), as_json=as_json)


@webhooks.command("rotate-secret")
def rotate(webhook_id: WebhookArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Give a webhook a new secret; the former signs beside it for 24 hours."""
    with services(_OPTIONS) as running:
        _called(running, webhook_id)
        secret = secret_text(running.random_bytes(SECRET_BYTES))
        sealed = seal_secret(running.vault, webhook_id, secret)
        wanted = WebhookChange(webhook_id, None, running.now(), sealed=sealed)
        print_object(new_webhook_view(running.writer.apply(change_webhooks, wanted), secret), as_json=as_json)


@webhooks.command("delete")
def delete(webhook_id: WebhookArgument, yes: Yes = False, as_json: AsJson = False) -> None:  # noqa: FBT002  flags
    """Delete a webhook with all that is known of its deliveries."""
    with services(_OPTIONS) as running:
        found = _called(running, webhook_id)
        confirm(f"Delete the webhook to {found.url}?", yes=yes)
        wanted = WebhookChange(webhook_id, None, running.now(), delete=True)
        print_object(webhook_view(running.writer.apply(change_webhooks, wanted)), as_json=as_json)


@webhooks.command("test")
def send_test(webhook_id: WebhookArgument, as_json: AsJson = False) -> None:  # noqa: FBT002  a flag
    """Send a test message at once; exit status 1 when it does not arrive."""
    with services(_OPTIONS) as running:
        found, message_id, now = _called(running, webhook_id), running.new_id("tst"), running.now()
        attempt = asking_carriers(running, lambda: running.webhook_tests.run(found, message_id, now))
        print_object(webhook_test_view(attempt), as_json=as_json)
        if not attempt.is_success:
            fail("the test message did not arrive")


@webhooks.command("deliveries")
def deliveries(
    webhook_id: WebhookArgument,
    status: Annotated[DeliveryStatus | None, typer.Option(help="Only these")] = None,
    limit: Limit = 1000,
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """List what was sent to a webhook and what came of it, newest first."""
    with services(_OPTIONS) as running:
        _called(running, webhook_id)
        found = running.reader.read_now(lambda tx: list_deliveries(tx, webhook_id, status, before_id=None, limit=limit))
        columns = ("id", "type", "status", "attempts", "last_attempt_at", "answer_status", "message")
        print_list([delivery_view(one) for one in found], columns, as_json=as_json)


@webhooks.command("replay")
def replay(
    webhook_id: WebhookArgument,
    delivery: Annotated[str | None, typer.Option(help="Only this delivery, whatever became of it")] = None,
    since: Annotated[str, typer.Option(help="Failed ones of events from this day or instant on")] = "1970-01-01",
    as_json: AsJson = False,  # noqa: FBT002  a flag
) -> None:
    """Send events again: one, or all whose delivery failed."""
    with services(_OPTIONS) as running:
        if delivery is not None:
            again = running.writer.apply(replay_deliveries, Replay(webhook_id, None, delivery, running.now()))
            print_object(delivery_view(again), as_json=as_json)
            return
        command, replayed, left = ReplayFailed(webhook_id, None, _instant(since), running.now()), 0, True
        while left:
            report = running.writer.apply(replay_failed, command)
            replayed, left = replayed + report.replayed, report.left
        print_object({"replayed": replayed}, as_json=as_json)


def _called(running: Services, webhook_id: str) -> WebhookEndpoint:
    found = running.reader.read_now(lambda tx: find_endpoints(tx, [webhook_id])).get(webhook_id)
    if not is_there(found, None):
        fail(f"there is no webhook {webhook_id!r}; `numberdesk webhooks list` lists them")
    return found


def _instant(text: str) -> int:
    """A day or an instant that a person typed; without an offset it is UTC. Raises InvalidRequest."""
    try:
        moment = datetime.fromisoformat(text)
        return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise InvalidRequest("--since", "must be a day like 2026-03-20, or an instant in ISO 8601") from None
