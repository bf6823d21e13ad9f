"""What operators do with numbers, as they see it: a number with all who rented it, and who did what.

Touches: nothing.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from numberdesk.carriers.adopted_offer_store import AdoptedOffer
from numberdesk.core.interventions import Intervention, InterventionKind
from numberdesk.core.lifecycle import NumberState
from numberdesk.core.periods import iso_or_none, iso_seconds
from numberdesk.core.rental import Rental
from numberdesk.flows.carriers.run_adoption import AdoptionReport
from numberdesk.flows.rentals.describe_numbers import HeldNumber
from numberdesk.views.formats import AccountId, Instant, PhoneNumber, PhoneNumberOrNone, RentalId
from numberdesk.views.rent import AnyRentalView, any_rental_view


class InterventionView(msgspec.Struct, frozen=True):
    """What an operator did with a number, when and why. `made_by` is an API key's id, or says that it was a command."""

    id: str
    made_at: Instant
    made_by: str
    action: InterventionKind
    account_id: AccountId
    phone_number: PhoneNumber
    rental_id: RentalId
    reason: str


class HeldNumberView(msgspec.Struct, frozen=True):
    """A number: the rental that goes on, those that ended, and what operators did, the latest fifty of each first."""

    phone_number: PhoneNumber
    carrier: str
    status: NumberState
    quarantined_until: Instant | None
    rental: AnyRentalView | None
    rentals: tuple[AnyRentalView, ...]
    interventions: tuple[InterventionView, ...]


class BadAdoptionView(msgspec.Struct, frozen=True):
    """A line of a file that is not adopted, and why."""

    line: int
    phone_number: Annotated[PhoneNumberOrNone, msgspec.Meta(description="The number, where the line has one.")]
    reason: Annotated[str, msgspec.Meta(description="Why the line is not adopted.")]


class AdoptionView(msgspec.Struct, frozen=True):
    """What became of a file of numbers to adopt: of those on the account `owned`, so many are rented or offered now.

    `already` were adopted before. `saved` is false where nothing was: asked so, or for a bad line.
    """

    carrier: str
    owned: Annotated[int, msgspec.Meta(description="How many numbers stand on the account at the carrier.")]
    rented: Annotated[int, msgspec.Meta(description="How many are rented by it.")]
    offered: Annotated[int, msgspec.Meta(description="How many are offered out of the own pool by it.")]
    already: Annotated[int, msgspec.Meta(description="How many were adopted before.")]
    bad: Annotated[tuple[BadAdoptionView, ...], msgspec.Meta(description="Lines that are not adopted, and why.")]
    saved: Annotated[bool, msgspec.Meta(description="Whether anything was kept.")]


def adoption_view(report: AdoptionReport) -> AdoptionView:
    """What became of a file."""
    bad = tuple(BadAdoptionView(*one) for one in report.bad)
    return AdoptionView(report.carrier, report.owned, report.rented, report.offered, report.already, bad, report.saved)


def intervention_view(intervention: Intervention) -> InterventionView:
    """One deed."""
    return InterventionView(
        id=intervention.id,
        made_at=iso_seconds(intervention.made_at),
        made_by=intervention.made_by,
        action=intervention.kind,
        account_id=intervention.account_id,
        phone_number=intervention.e164,
        rental_id=intervention.rental_id,
        reason=intervention.reason,
    )


def held_number_view(held: HeldNumber) -> HeldNumberView:
    """A number with its past."""
    views = [any_rental_view(rental) for rental in held.rentals]
    live = [view for view in views if view.released_at is None]
    return HeldNumberView(
        phone_number=held.e164,
        carrier=held.carrier,
        status=held.state,
        quarantined_until=iso_or_none(held.quarantined_until),
        rental=live[0] if live else None,
        rentals=tuple(view for view in views if view.released_at is not None),
        interventions=tuple(intervention_view(intervention) for intervention in held.interventions),
    )


class UndoneOfferView(msgspec.Struct, frozen=True):
    """A number that was adopted for sale, and is no more."""

    phone_number: PhoneNumber
    carrier: str
    adopted_at: Annotated[Instant, msgspec.Meta(description="When it was adopted.")]
    undone_at: Annotated[Instant | None, msgspec.Meta(description="When that was taken back.")]


class UndoneAdoptionView(msgspec.Struct, frozen=True):
    """An adoption that was taken back: the rental that ended by it, or the offer that is no more."""

    rental: Annotated[
        AnyRentalView | None, msgspec.Meta(description="The rental that ended by it, where a customer had the number.")
    ]
    offer: Annotated[
        UndoneOfferView | None, msgspec.Meta(description="The offer that is no more, where the number was for sale.")
    ]


def undone_adoption_view(undone: Rental | AdoptedOffer) -> UndoneAdoptionView:
    """What an adoption had made."""
    if isinstance(undone, Rental):
        return UndoneAdoptionView(any_rental_view(undone), None)
    return UndoneAdoptionView(None, undone_offer_view(undone))


def undone_offer_view(offer: AdoptedOffer) -> UndoneOfferView:
    """An adoption for sale that was undone."""
    return UndoneOfferView(offer.e164, offer.carrier, iso_seconds(offer.adopted_at), iso_or_none(offer.undone_at))
