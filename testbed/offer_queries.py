"""Offer queries as a customer sends them: by the text of a query string.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from numberdesk.api.routes.available_numbers import OffersQuery
from numberdesk.api.shapes import decode_query
from numberdesk.catalog.search import OfferQuery, QueryError
from numberdesk.catalog.search_parameters import offer_query
from numberdesk.core.errors import InvalidRequest


def sent_query(iso_country: str, currency: str, parameters: Mapping[str, str | Sequence[str] | None]) -> OfferQuery:
    """Read parameters: a text, several where one is repeated, None for one left out. Raises QueryError."""
    text = urlencode({name: value for name, value in parameters.items() if value is not None}, doseq=True)
    try:
        given = decode_query(text.encode(), OffersQuery)
    except InvalidRequest as error:
        raise QueryError(str(error.details["field"]), str(error.details["reason"])) from None
    return offer_query(iso_country, currency, given)
