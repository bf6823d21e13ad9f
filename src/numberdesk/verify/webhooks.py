"""What must hold of webhooks: nobody is sent events of another account, and no secret can be read in the database.

Touches: accounts, events, webhook_deliveries, webhook_endpoints.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import and_, func, not_, or_, select

from numberdesk.core.lifecycle import AccountKind
from numberdesk.tables import accounts, events, webhook_deliveries, webhook_endpoints
from numberdesk.verify.carriers import is_sealed
from numberdesk.verify.engine import in_key_order, rule

_MISDIRECTED: Final = (
    select(
        webhook_deliveries.c.id,
        webhook_deliveries.c.kind,
        webhook_endpoints.c.account_id,
        events.c.account_id.label("told_account"),
        events.c.kind.label("told_kind"),
    )
    .select_from(
        webhook_deliveries.outerjoin(
            webhook_endpoints, webhook_endpoints.c.id == webhook_deliveries.c.endpoint_id
        ).outerjoin(events, events.c.id == webhook_deliveries.c.event_id)
    )
    .where(
        in_key_order(webhook_deliveries.c.id),
        or_(
            events.c.number.is_(None),
            webhook_deliveries.c.account_id.is_distinct_from(webhook_endpoints.c.account_id),
            events.c.kind.is_distinct_from(webhook_deliveries.c.kind),
            and_(
                events.c.account_id.is_distinct_from(webhook_endpoints.c.account_id),
                webhook_endpoints.c.all_accounts.is_distinct_from(1),
            ),
        ),
    )
)


def _says_misdirected(row: Any) -> str:
    return (
        f"it tells a webhook of {row.account_id} by {row.kind} what {row.told_account} was to be told by "
        f"{row.told_kind}, or an event that has no number"
    )


_TOO_FAR: Final = (
    select(webhook_endpoints.c.id, webhook_endpoints.c.account_id)
    .select_from(webhook_endpoints.outerjoin(accounts, accounts.c.id == webhook_endpoints.c.account_id))
    .where(webhook_endpoints.c.all_accounts != 0, accounts.c.kind.is_distinct_from(AccountKind.OPERATOR.value))
)


def _says_too_far(row: Any) -> str:
    return f"it is told the events of every account, and {row.account_id} is no account of operators"


_OPEN: Final = select(webhook_endpoints.c.id, func.length(webhook_endpoints.c.secret).label("length")).where(
    or_(
        and_(webhook_endpoints.c.secret != "", not_(is_sealed(webhook_endpoints.c.secret))),
        and_(webhook_endpoints.c.secret == "", webhook_endpoints.c.deleted_at.is_(None)),
        not_(is_sealed(webhook_endpoints.c.former_secret)),
    )
)


def _says_open(row: Any) -> str:
    """A length only: what is stored may be a secret."""
    return f"a secret of it is not sealed, and may lie in clear; the newest has {row.length} characters"


CHECKS: Final = (
    rule(
        "I13",
        "every delivery tells a webhook of an event that it may be told",
        webhook_deliveries,
        _MISDIRECTED,
        _says_misdirected,
    ),
    rule("I13", "only webhooks of operators are told of every account", webhook_endpoints, _TOO_FAR, _says_too_far),
    rule("I15", "of every webhook's secrets only the sealed form is stored", webhook_endpoints, _OPEN, _says_open),
)
