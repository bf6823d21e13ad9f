"""How calls are billed where neither a price rule nor a file says it: as the usage terms of their carrier do.

Touches: database.

Offers are shown and bought with what is usual filled in, so that a rental keeps what its customer saw.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from numberdesk.core.billing import Billing
from numberdesk.core.call_charging import CallTerms
from numberdesk.core.prices import Prices, Quote
from numberdesk.core.rating import BY_THE_MINUTE, Increments
from numberdesk.infra.db import Tx
from numberdesk.usage.store import find_call_terms

_NOWHERE_SAID: Final = Billing(BY_THE_MINUTE, 0)


class UsualBilling(NamedTuple):
    """What is usual at each carrier that has terms of its own, and what was `before`, the latest first, until when."""

    by_carrier: Mapping[str, Billing]
    before: Mapping[str, Sequence[tuple[int, Billing]]]

    def filled(self, carrier: str, prices: Prices) -> Prices:
        """Prices of a carrier's number, with how its calls are billed."""
        return prices.billed(self.by_carrier.get(carrier, _NOWHERE_SAID))

    def quotes(self, quote: Quote, lifetime: int) -> Iterator[Quote]:
        """What a quote means, first by what is usual now and then as it was shown by what was, each for so long."""
        meant = quote._replace(prices=self.filled(quote.carrier, quote.prices))
        yield meant
        for ended_at, usual in self.before.get(quote.carrier, ()):
            prices, until = quote.prices.billed(usual), ended_at + lifetime
            if prices != meant.prices:
                yield quote._replace(prices=prices, until=until if quote.until is None else min(until, quote.until))


def find_usual_billing(tx: Tx, now: int) -> UsualBilling:
    """How calls of rentals are billed that begin at `now`."""
    then = {carrier: [one for one in terms if one.since <= now] for carrier, terms in find_call_terms(tx).items()}
    known = {carrier: terms for carrier, terms in then.items() if terms}
    return UsualBilling(
        {carrier: _billing(terms[-1]) for carrier, terms in known.items()},
        {carrier: _ended(terms) for carrier, terms in known.items()},
    )


def _billing(terms: CallTerms) -> Billing:
    return Billing(Increments(terms.minimum, terms.step), terms.connect)


def _ended(terms: Sequence[CallTerms]) -> list[tuple[int, Billing]]:
    usual = [_NOWHERE_SAID, *map(_billing, terms)]
    return [(after.since, before) for after, before in zip(terms, usual, strict=False)][::-1]
