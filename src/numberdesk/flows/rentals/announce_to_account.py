"""Announce other prices of all rentals of an account, a stretch of them in a transaction.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from numberdesk.accounts.store import find_accounts
from numberdesk.core.errors import NotFound, NumberdeskError
from numberdesk.core.lifecycle import AccountKind
from numberdesk.core.rent import RentTerms
from numberdesk.core.rental import RentPrice
from numberdesk.flows.rentals.announce_by_rule import AT_ONCE, AnnouncedByRule, AnnouncedOfRule, announce_all, differing
from numberdesk.flows.rentals.announce_prices import Announcement, announce_prices
from numberdesk.infra.db import Tx
from numberdesk.infra.writer import Writer
from numberdesk.numbers.rent_store import list_live_rentals


class AnnounceToAccount(NamedTuple):
    """Announce at `now` what rentals of an account cost, in micros, those after an id; a rate left out stays.

    `usual` are the operator's terms.
    """

    account_id: str
    after: str
    price: int
    inbound: int | None
    outbound: int | None
    now: int
    usual: RentTerms
    limit: int = AT_ONCE


async def announce_all_of_account(writer: Writer, first: AnnounceToAccount) -> AnnouncedOfRule:
    """Announce stretch by stretch. Sent again it announces nothing twice.

    Raises NotFound, and Overloaded, which says how many rentals were looked at.
    """
    return await announce_all(writer, announce_to_accounts, first)


def announce_to_accounts(tx: Tx, commands: Sequence[AnnounceToAccount]) -> list[AnnouncedByRule | NumberdeskError]:
    """The write flow: each command a stretch of rentals."""
    return [_announce(tx, command) for command in commands]


def _announce(tx: Tx, command: AnnounceToAccount) -> AnnouncedByRule | NumberdeskError:
    account = find_accounts(tx, [command.account_id], lock=False).get(command.account_id)
    if account is None or account.kind is AccountKind.OPERATOR:
        return NotFound("There is no such account of a customer.")
    found = list_live_rentals(
        tx, past_due=False, parked=False, account_id=account.id, after_id=command.after, limit=command.limit
    )
    wanted = [
        (one, one.prices._replace(monthly=command.price, inbound=command.inbound, outbound=command.outbound))
        for one in found
    ]
    rates = command.inbound, command.outbound
    asked = [
        Announcement(rental.id, command.price, *rates, command.now, command.usual)
        for rental, _ in differing(tx, wanted)
    ]
    outcomes = announce_prices(tx, asked) if asked else []
    made = tuple(one for one in outcomes if isinstance(one, RentPrice))
    refused = tuple(
        (one.rental_id, outcome)
        for one, outcome in zip(asked, outcomes, strict=True)
        if isinstance(outcome, NumberdeskError)
    )
    return AnnouncedByRule(len(found), made, refused, found[-1].id if len(found) == command.limit else None)
