"""What fields and parameters mean: the descriptions in the OpenAPI document and on /docs.

Touches: nothing.

One text for each name, because one word means one thing. Where a shape means something narrower, `Shape.field` says so
for that shape and those that inherit from it. `path.name` is a parameter in a path. A field that only one new shape has
may carry its text itself: `Annotated[str, msgspec.Meta(description="...")]`.

Money is in units of the currency, instants are ISO 8601 in UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_MONEY: Final = {
    "amount": "Money into the wallet; negative is out of it.",
    "available": "What may be spent now: `posted` less `held`, and the credit limit.",
    "balance": "What was posted in the wallet after this entry.",
    "charged": "What the order took from the wallet so far: nothing, or the first month and the setup price.",
    "credit_limit": "How far below zero the wallet may go.",
    "AccountView.credit_limit": "How far below zero the wallet may go; null for an account of operators.",
    "AccountView.currency": "Currency that the account pays in, as in ISO 4217; null for an account of operators.",
    "OffersQuery.currency": "Currency to search in, for keys of accounts of operators, which have none of their own.",
    "currency": "Currency of all amounts beside it, as in ISO 4217.",
    "InventoryView.currency": "Currency of the prices; null for a number without a price.",
    "RuleBody.currency": "Currency of the prices that the rule makes, as in ISO 4217.",
    "held": "What is set aside for open orders.",
    "posted": "What was paid in, less what was spent.",
    "price": "Price of a month.",
    "InventoryView.price": "Price of a month; null for a number without a price, which is not offered.",
    "BuyBody.price": "Price of a month, as available-numbers showed it.",
    "RuleView.price": "Fixed price of a month; null for a rule with a margin.",
    "RuleBody.price": "Fixed price of a month. Either this or `margin_percent`.",
    "per_minute_price_inbound": "Price of a minute of incoming calls; null as long as nobody has set it.",
    "BuyBody.per_minute_price_inbound": (
        "Price of a minute of incoming calls, as shown. Left out, it agrees with every quote; "
        "0 agrees with a rate that nobody set."
    ),
    "RuleBody.per_minute_price_inbound": "Price of a minute of incoming calls; left out, the cost and the margin.",
    "RuleView.per_minute_price_inbound": "Price of a minute of incoming calls; null takes the cost and the margin.",
    "per_minute_price_outbound": "Price of a minute of outgoing calls; null as long as nobody has set it.",
    "BuyBody.per_minute_price_outbound": (
        "Price of a minute of outgoing calls, as shown. Left out, it agrees with every quote; "
        "0 agrees with a rate that nobody set."
    ),
    "RuleBody.per_minute_price_outbound": (
        "Price of a minute of outgoing calls; left out, it is the cost and the margin."
    ),
    "RuleView.per_minute_price_outbound": "Price of a minute of outgoing calls; null takes the cost and the margin.",
    "setup_price": "Charged once, beside the first month.",
    "BuyBody.setup_price": "Charged once, as shown. Left out, it agrees with every quote.",
    "RuleBody.setup_price": "Charged once; left out, it is the cost and the margin, or 0 beside a fixed price.",
    "RuleView.setup_price": "Charged once; null takes the cost and the margin, or 0 beside a fixed price.",
    "OffersQuery.like": (
        "A number of the country: those of the operator's own that resemble it, the closest first, in one page and "
        "without `sort`."
    ),
    "max_price": "Most that a purchase may charge at once: `price` and `setup_price` together.",
    "margin_percent": "Percent added to the cost, as 20; at most four digits after the point.",
    "RuleView.margin_percent": "Percent added to the cost; null for a fixed price.",
    "margin_fixed": "Added to the monthly price of a rule with a margin, before rounding.",
    "round_to": "The monthly price of a rule with a margin is rounded up to a multiple of this.",
    "RuleBody.round_to": "The monthly price of a rule with a margin is rounded up to a multiple of this; else to 0.01.",
    "base": "Currency of which one unit is exchanged, as in ISO 4217.",
    "quote": "Currency that it is worth something in, as in ISO 4217; another one than `base`.",
    "rate": "Units of `quote` that one unit of `base` is worth; at most nine digits after the point.",
    "entry": "Place in the statement of the wallet, from 1.",
}
_NUMBERS: Final = {
    "phone_number": "The number in E.164 form, with its plus.",
    "number": "The same as `phone_number`.",
    "friendly_name": "What the customer calls the number.",
    "agent_id": "What answers calls to the number; any text of the customer. Also taken as `inbound_agent_id`.",
    "tags": "Words of the customer for the number, each once, in the order sent.",
    "iso_country": "Two-letter code of the country, as in ISO 3166-1.",
    "RuleView.iso_country": "Two-letter code of the country that the rule is for; empty for any.",
    "RuleBody.iso_country": "Two-letter code, in capitals, of the country that the rule is for; left out, any.",
    "region": "State, province or region of the number; empty if unknown.",
    "RentedQuery.region": "State, province or region, written as the list shows it.",
    "OffersQuery.region": "State, province or region; in the US and Canada by name or code. The country is anywhere.",
    "locality": "Town of the number; empty if unknown.",
    "OffersQuery.locality": "Town of the number.",
    "area_code": "Area code, without what is dialled before it.",
    "OffersQuery.area_code": "Area code of 1 to 6 digits, with or without what is dialled before it: 20 and 020.",
    "number_type": "Kind of the number.",
    "RuleView.number_type": "Kind of number that the rule is for; empty for any.",
    "RuleBody.number_type": "Kind of number that the rule is for; left out, any.",
    "capabilities": "What the number can do.",
    "OffersQuery.capabilities": "What the number can do, all of it; with commas between, or sent several times.",
    "prefix": "First digits, from the country code on and without plus, of what the rule is for; empty for any.",
    "state": "Where the number stands.",
    "price_source": "Whether the prices came with the imported file, or a price rule makes them.",
    "is_active": "Whether the rental goes on.",
    "starts_with": "First characters of the key, by which people tell keys apart.",
    "OffersQuery.starts_with": "How the digits begin. Letters are those of a keypad, * or ? one digit, % any run.",
    "ends_with": "How the digits end. Letters are those of a keypad, * or ? one digit, % any run.",
    "contains": "What the digits contain, two or more. May be sent several times, all must fit.",
    "pattern": "What the digits look like, two or more of them given: ^ is the start, $ the end, + the E.164 form.",
    "excludes": "What the digits do not contain. May be sent several times.",
    "match_on": "What the digits are held against: the national number, E.164, or the part after the area code.",
    "sort": "Order of the list: by number, by what a purchase charges at once, or easiest to remember first.",
}
_RECORDS: Final = {
    "id": "Id of this record. It never changes.",
    "PurchaseView.id": "Id of the rental.",
    "ReleaseView.id": "Id of the rental that ended.",
    "FindingView.id": "Carrier, number and kind of the finding, with colons between.",
    "account_id": "Id of the account that it belongs to.",
    "account_name": "Name of that account.",
    "order_id": "Id of the order that it came from.",
    "TransactionView.order_id": "Id of the order that was charged; null for other movements.",
    "reference": "The operator's own id for the movement, visible ASCII. The same one sent again moves nothing.",
    "FindingView.reference": "Order id that the number has at the carrier or in the books; null if none is known.",
    "name": "Name that people gave it.",
    "AccountView.name": "Name of the account; no two have the same.",
    "NewAccountBody.name": "Name of the account; no two have the same.",
    "AccountBody.name": "New name of the account; no two have the same.",
    "CarrierView.name": "What numbers, orders and price rules know the account at the carrier by.",
    "NewCarrierBody.name": "What numbers, orders and price rules will know it by; not `pool`.",
    "CheckView.name": "Name of the account at the carrier that was checked.",
    "FieldView.name": "Name of the field, as it is sent in `options` or `secrets`.",
    "TransactionView.kind": "What moved the money: paid in, corrected, a month's rental, or a setup price.",
    "FindingView.kind": "How the carrier's list and the books differ.",
    "FindingBody.kind": "Which finding, where the number had several; left out, the one that has not ended.",
    "CarrierView.kind": "Carrier that the account is at.",
    "KindView.kind": "Carrier that accounts can be connected at.",
    "NewCarrierBody.kind": "Carrier that the account is at.",
    "status": "Where it stands.",
    "AccountView.status": "Whether the account may buy. A closed one is at its end.",
    "AccountView.kind": "Whether it is an account of a customer or of operators, who run the service.",
    "AccountsQuery.kind": "Accounts of customers or of operators.",
    "AccountBody.status": "A suspended account cannot buy, everything else goes on; a closed one stays closed.",
    "OrderView.status": "Whether the order has ended, and how.",
    "AdminOrdersQuery.status": "Only these orders: `open` is `pending`, `parked` those that wait for a person.",
    "OrdersQuery.status": "Only these orders; `open` is `pending`.",
    "PendingView.status": "`pending`; the order tells how it ends.",
    "PurchaseView.status": "`released` when the answer is given again after the rental ended.",
    "CarrierBody.status": "A disabled account is not bought from; what is open or owned there goes on.",
    "error": "Why the order failed; null unless it did.",
    "code": "Why, in a word that never changes.",
    "message": "Why, in a sentence for people.",
    "scopes": "What the key may be used for.",
    "NewKeyBody.scopes": "What the key may be used for; left out, what its account needs, of what the asking key has.",
    "created_by": "Id of the key that it was made with, or that made this one if it is forgotten; null for none.",
    "with_descendants": "Whether the keys that were made with it, at any remove, are revoked, too.",
    "key": "The secret key itself, shown this once.",
}
_INSTANTS: Final = {
    "created_at": "When it was made.",
    "updated_at": "When it last changed.",
    "closed_at": "When the account was closed; null unless it was.",
    "completed_at": "When the order was completed; null unless it was.",
    "failed_at": "When the order failed; null unless it did.",
    "expires_at": "When the key stops working; null for never.",
    "NewKeyBody.expires_at": (
        "When the key stops working, with offset, within a hundred years; no later than the asking key does, "
        "and then when left out."
    ),
    "revoked_at": "When the key was revoked; null unless it was.",
    "offer_expires_at": "Until when these prices are honoured, at least.",
    "purchased_at": "When the number was bought.",
    "released_at": "When the rental ended; null while it goes on.",
    "renews_at": "When the paid month ends.",
    "RentalView.renews_at": "When the paid month ends; null when the rental has ended.",
}
_CARRIERS: Final = {
    "carrier": "Name of the account at a carrier; `pool` is the operator's own inventory.",
    "ImportQuery.carrier": "Must be `pool` or left out: numbers of other carriers are searched, not imported.",
    "RuleBody.carrier": "Whose numbers the rule is for: `pool`, as if left out, or one that is connected.",
    "carrier_reference": "The carrier's own id for the number; null if it told none.",
    "options": "What the account is set up with, without its secrets, by name of the field.",
    "CarrierBody.options": "Fields to change, by name; an empty text takes one away.",
    "secrets": "Credentials by name of the field; they are kept encrypted and never shown.",
    "CarrierView.secrets": "Names of the credentials that there are; their values are never shown.",
    "CarrierBody.secrets": "Credentials to change, by name; an empty text takes one away.",
    "problem": "Why the secrets cannot be read; null if they can.",
    "paused_seconds": "Seconds for which this process yet leaves the carrier alone after failures; null at a terminal.",
    "search_paused_seconds": "Seconds for which this process does not yet search there again; null at a terminal.",
    "failures": "Failures in a row that this process saw; null at a terminal.",
    "orders_refused": "Orders that the carrier refused for the account itself, such as no money or wrong credentials.",
    "orders_refused_since": "When the first of these was refused; null if none is.",
    "orders_refused_said": "What the carrier said to the last of these; null if none is.",
    "open_orders": "How many orders have not ended.",
    "parked_orders": "How many of the open orders wait for a person.",
    "unconfirmed_releases": "How many numbers the carrier has not confirmed to be back.",
    "open_findings": "How many findings of audits are open.",
    "last_audit": "The last audit; null if there was none.",
    "fields": "What an account there is set up with.",
    "secret": "Whether it is sent in `secrets` and never shown.",
    "required": "Whether an account cannot do without it.",
    "meaning": "What it is.",
    "example": "What it looks like; empty if there is nothing to show.",
    "ok": "Whether the carrier answered as it should.",
    "said": "What the carrier said, or what went wrong, in words.",
    "facts": "What else the carrier told, such as its balance, by name.",
    "began_at": "When the audit began; null if it has not.",
    "ended_at": "When the last audit ended; null if none has.",
    "next_at": "When the next audit is due.",
    "owned": "How many numbers the carrier had for us at the end of the last audit.",
    "found": "How many differences the last audit found.",
    "ended": "Whether findings that are over are listed, too.",
    "first_seen_at": "When an audit first saw it.",
    "last_seen_at": "When an audit last saw it.",
    "asked_at": "When it was asked to take the number back.",
    "tries": "How often the carrier was told.",
    "next_try_at": "When the carrier is told again; null when it waits for a person.",
    "attempts": "How often the order was sent to its carrier, counted once it has ended.",
    "at_carrier": "How the order stands with its carrier; null for the operator's own inventory.",
    "attempt": "How often the order was sent to the carrier.",
    "attempted_at": "When it was last sent.",
    "wanted_until": "Until when the order is still wanted.",
    "looks": "How often the carrier was asked what became of it, since it was last sent.",
    "absences": "How often the carrier said that it does not have it, since it was last sent.",
    "absent_since": "When the carrier first said so; null if it did not.",
    "accepted_at": "When the carrier said that it has the order; from then on only it can end it. Null before.",
    "next_look_at": "When the carrier is asked again; null for an ended order, and one that waits for a person.",
    "answer": "What the carrier answered when it was sent the order; empty if nothing.",
    "parked_at": "When it was left to a person; null unless it is.",
    "settled_at": "When it was decided what became of it; null while it is open.",
}
_IMPORTS: Final = {
    "imported": "Whether the file was saved.",
    "dry_run": "Whether the file is only checked.",
    "good": "How many lines are good.",
    "bad": "How many lines are bad.",
    "new": "How many numbers are new.",
    "changed": "How many numbers change.",
    "unchanged": "How many numbers stay as they are.",
    "unpriced": "How many of the numbers have no price, and so are not offered.",
    "bad_lines": "The first thousand bad lines.",
    "line": "Place of the line in the file, from 1.",
    "reason": "Why it cannot be imported.",
    "skip_bad": "Import the good lines though others are bad.",
    "country": "Two-letter code of the country of numbers without country code; left out, such are refused.",
    "accept_unknown": "Take numbers that numbering data does not know.",
}
_PARAMETERS: Final = {
    "page_size": "Items in a page, at most.",
    "page_token": "`page.next` of the page before; left out or empty for the first.",
    "path.account_id": "Id of an account.",
    "path.key_id": "Id of a key.",
    "path.order_id": "Id of an order.",
    "path.rule_id": "Id of a price rule.",
    "path.name": "Name of an account at a carrier.",
    "path.base": "Currency of which one unit is exchanged.",
    "path.quote": "Currency that it is worth something in.",
    "path.iso_country": "Two-letter code of the country to search in, as in ISO 3166-1; in capitals or not.",
    "path.number": "A number in E.164 form with `+` or `%2B`, or the id of a rental.",
}
TEXTS: Final = {**_MONEY, **_NUMBERS, **_RECORDS, **_INSTANTS, **_CARRIERS, **_IMPORTS, **_PARAMETERS}
"""Every text by the name that it explains."""


def text_key(field: str, shapes: Iterable[str]) -> str | None:
    """Under which name the text for a field stands; `shapes` are its shape and what that inherits from, nearest first.

    None where there is no text.
    """
    return next((key for key in (*(f"{shape}.{field}" for shape in shapes), field) if key in TEXTS), None)
