"""Kinds of text that answers hold: what the OpenAPI document says of their form.

Touches: nothing.

A field that is one of these is declared as it, not as `str`. What a field means is told in `api/field_texts.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import msgspec

from numberdesk.accounts.model import SCOPES
from numberdesk.catalog.model import CAPABILITIES, FROM_FILE, FROM_RULE, NUMBER_TYPES
from numberdesk.catalog.rules import COUNTRY_CODE
from numberdesk.core.compliance import Requirement
from numberdesk.core.errors import BY_CODE
from numberdesk.core.money import CURRENCY_CODE
from numberdesk.core.phone import E164_PATTERN
from numberdesk.flows.accounts.fund_wallets import ADJUSTMENT, TOP_UP
from numberdesk.flows.rentals.refund_rent import RENTAL_REFUND
from numberdesk.flows.usage.pay_debts import DEBT_PAYMENT
from numberdesk.flows.usage.rerate_calls import USAGE_REVERSAL
from numberdesk.ledger.model import REVENUE
from numberdesk.outbox.model import KINDS_OF_EVENTS


def _words(words: Iterable[str]) -> msgspec.Meta:
    return msgspec.Meta(extra_json_schema={"enum": sorted(words)})


def _id(kind: str) -> msgspec.Meta:
    return msgspec.Meta(pattern=f"^{kind}_[0-9A-Za-z_]+$")


Instant = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
PhoneNumber = Annotated[str, msgspec.Meta(pattern=E164_PATTERN)]
PhoneNumberOrNone = Annotated[str, msgspec.Meta(pattern=f"{E164_PATTERN}|^$")]
Currency = Annotated[str, msgspec.Meta(pattern=f"^{CURRENCY_CODE.pattern}$")]
Country = Annotated[str, msgspec.Meta(pattern=f"^{COUNTRY_CODE.pattern}$")]
CountryOrAny = Annotated[str, msgspec.Meta(pattern=f"^({COUNTRY_CODE.pattern})?$")]

AccountId = Annotated[str, _id("acc")]
KeyId = Annotated[str, _id("key")]
PersonId = Annotated[str, _id("per")]
ActionId = Annotated[str, _id("act")]
OrderId = Annotated[str, _id("ord")]
RentalId = Annotated[str, _id("rnt")]
SessionId = Annotated[str, _id("ses")]
TransferId = Annotated[str, _id("trf")]
RuleId = Annotated[str, _id("prl")]
WebhookId = Annotated[str, _id("whk")]
DeliveryId = Annotated[str, _id("dlv")]
EventId = Annotated[str, _id("evt")]
CarrierReleaseId = Annotated[str, _id("rel")]
ProfileId = Annotated[str, _id("cmp")]
ConnectionId = Annotated[str, _id("con")]

ErrorCode = Annotated[str, _words(BY_CODE)]
NumberTypeName = Annotated[str, _words(NUMBER_TYPES)]
NumberTypeOrAny = Annotated[str, _words(("", *NUMBER_TYPES))]
RequirementNames = tuple[Annotated[str, _words(Requirement)], ...]
CapabilityNames = tuple[Annotated[str, _words(CAPABILITIES)], ...]
EventKind = Annotated[str, _words(KINDS_OF_EVENTS)]
ScopeNames = tuple[Annotated[str, _words(SCOPES)], ...]
PriceSourceName = Annotated[str, _words((FROM_FILE, FROM_RULE))]
KINDS_OF_TRANSFERS = tuple(sorted((TOP_UP, ADJUSTMENT, DEBT_PAYMENT, USAGE_REVERSAL, RENTAL_REFUND, *REVENUE)))
TransferKind = Annotated[str, _words(KINDS_OF_TRANSFERS)]
