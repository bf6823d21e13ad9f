"""A plain model of the service: what its documents promise, said once more without its code, for histories of requests.

Each method predicts the answer to one request, and what comes of it. Money is Decimal, instants are whole seconds.
"""

from __future__ import annotations

import calendar
import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from tests.api.expected import Answer, Expected, Json, refused

HOUR: Final = 3600
DAY: Final = 24 * HOUR
QUOTE_LIFETIME: Final = 600
QUARANTINE: Final = 30 * DAY
MOST_CHARGED: Final = 3
KEY_RETENTION: Final = 168 * HOUR
SUPERSEDED_KEPT: Final = DAY
SCOPES: Final = ("numbers:read", "numbers:buy", "numbers:manage", "billing:read", "keys:manage")
FIELDS: Final = ("phone_number", "price", "per_minute_price_inbound", "per_minute_price_outbound", "setup_price")


class Prices(NamedTuple):
    """An offer; None is a rate that nobody set."""

    currency: str
    monthly: Decimal
    inbound: Decimal | None
    outbound: Decimal | None
    setup: Decimal

    @property
    def total(self) -> Decimal:
        return self.monthly + self.setup

    def view(self) -> Json:
        """The prices in an answer."""
        return {"currency": self.currency, **dict(zip(FIELDS[1:], self[1:4], strict=False))}


@dataclass
class Account:
    """A tenant with its wallet. `answers` are those given under an idempotency key, `lines` the statement."""

    id: str
    currency: str
    credit_limit: Decimal
    status: str = "active"
    posted: Decimal = Decimal(0)
    lines: list[Json] = field(default_factory=list)
    references: dict[tuple[str, str], Json] = field(default_factory=dict)
    answers: dict[str, Kept] = field(default_factory=dict)

    @property
    def available(self) -> Decimal:
        return self.posted + self.credit_limit

    def move(self, amount: Decimal, line: Json) -> Json:
        """Write a line of the statement."""
        self.posted += amount
        known = {"entry": len(self.lines) + 1, "amount": amount, "balance": self.posted, "currency": self.currency}
        self.lines.append({**known, **line})
        return self.lines[-1]

    def balance(self) -> Json:
        """The wallet in an answer."""
        shown = {"posted": self.posted, "held": Decimal(0), "available": self.available}
        return {"currency": self.currency, **shown, "credit_limit": self.credit_limit}


class Kept(NamedTuple):
    """The answer given under an idempotency key, and what the request said."""

    sent: tuple[Any, ...]
    status: int
    content: bytes
    at: int


@dataclass
class Key:
    """An API key. `remembered`: the service has seen it valid and may for a moment take it for that still."""

    text: str
    account: Account
    scopes: tuple[str, ...]
    view: Json
    expires_at: int | None = None
    revoked: bool = False
    remembered: bool = False

    def valid_at(self, now: int) -> bool:
        return not self.revoked and (self.expires_at is None or now < self.expires_at)


@dataclass
class Rental:
    """A number rented by an order; `first` is the answer to the purchase."""

    account: Account
    number: Number
    order: Json
    first: bytes
    view: Json
    began_at: int
    monthly: Decimal


@dataclass
class Number:
    """A number of the inventory. `superseded`: the prices that ended at an instant."""

    e164: str
    prices: Prices | None
    state: str = "available"
    rental: Rental | None = None
    rests_until: int = 0
    superseded: dict[int, Prices] = field(default_factory=dict)

    def honoured(self, now: int) -> list[Prices]:
        """Former prices within the quote lifetime, newest first."""
        return [self.superseded[at] for at in sorted(self.superseded, reverse=True) if at > now - QUOTE_LIFETIME]


def iso(instant: int) -> str:
    """An instant in an answer."""
    return f"{datetime.fromtimestamp(instant, UTC):%Y-%m-%dT%H:%M:%SZ}"


def months_later(instant: int, months: int) -> int:
    """The same day of a later month, or that month's last."""
    moment = datetime.fromtimestamp(instant, UTC)
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return int(moment.replace(year=year, month=month + 1, day=day).timestamp())


class Model:
    """All that the tenants of one history have, and the time."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.accounts: list[Account] = []
        self.keys: list[Key] = []
        self.numbers: dict[str, Number] = {}
        self.rentals: list[Rental] = []

    def list_number(self, e164: str, prices: Prices | None) -> None:
        """A number comes up for sale, or again at other prices."""
        number = self.numbers.setdefault(e164, Number(e164, prices))
        if number.prices is not None and number.prices != prices:
            free = next(at for at in itertools.count(self.now) if at not in number.superseded)
            number.superseded[free] = number.prices
        number.prices = prices

    def clean_up(self) -> None:
        """The worker's round: quarantines that are over, answers and prices that are old."""
        for number in self.numbers.values():
            if number.state == "quarantined" and number.rests_until <= self.now:
                number.state = "available"
            kept = {at: prices for at, prices in number.superseded.items() if at >= self.now - SUPERSEDED_KEPT}
            number.superseded = kept
        for account in self.accounts:
            kept_answers = {key: one for key, one in account.answers.items() if one.at >= self.now - KEY_RETENTION}
            account.answers = kept_answers

    def offers(self, currency: str, *, by_price: bool) -> list[Json]:
        """What can be bought in a currency, in order."""
        there = [
            (number.prices.total if by_price else 0, number.e164, number.prices)
            for number in self.numbers.values()
            if number.state == "available" and number.prices is not None and number.prices.currency == currency
        ]
        return [
            {
                "phone_number": e164,
                **prices.view(),
                "setup_price": prices.setup,
                "offer_expires_at": iso(self.now + QUOTE_LIFETIME),
            }
            for _, e164, prices in sorted(there, key=lambda one: one[:2])
        ]

    def buy(self, account: Account, sent: tuple[Any, ...], idempotency_key: str | None) -> Expected:
        """A purchase, by docs/decisions/0004: `sent` is number, monthly price, the two rates and the setup price."""
        earlier = account.answers.get(idempotency_key or "")
        if earlier is not None:
            differing = [name for name, *both in zip(FIELDS, earlier.sent, sent, strict=True) if both[0] != both[1]]
            if differing:
                return refused(422, "idempotency_conflict", field=differing[0])
            return self._again(earlier)
        found = self._bought(account, sent)
        then = found.then

        def kept(answer: Answer) -> None:
            then(answer)
            if idempotency_key is not None:
                account.answers[idempotency_key] = Kept(sent, answer.status, answer.content, self.now)

        found.then = kept
        return found

    def _bought(self, account: Account, sent: tuple[Any, ...]) -> Expected:
        number = self.numbers.get(sent[0])
        if number is not None and number.rental is not None and number.rental.account is account:
            return Expected(content=number.rental.first)
        if account.status == "suspended":
            return refused(403, "forbidden")
        quotes = [] if number is None else self._quotes(account, number)
        if number is None or not quotes:
            return refused(404, "number_not_offered")
        if number.state != "available":
            taken = number.state == "assigned"
            return refused(409, "number_taken") if taken else refused(404, "number_not_offered")
        return self._bought_at(account, number, quotes, sent)

    def _quotes(self, account: Account, number: Number) -> list[Prices]:
        """The offer, and what it was until lately, in the account's currency; the newest first."""
        return [one for one in (number.prices, *number.honoured(self.now)) if one and one.currency == account.currency]

    def _again(self, earlier: Kept) -> Expected:
        """The answer under a key. That of a purchase says when its rental has ended since."""
        bought = json.loads(earlier.content, parse_float=Decimal).get("data", {})
        for rental in self.rentals:
            if rental.order["id"] == bought.get("order_id") and not rental.view["is_active"]:
                return Expected(data={**bought, "status": "released", "released_at": rental.view["released_at"]})
        return Expected(earlier.status, content=earlier.content)

    def _bought_at(self, account: Account, number: Number, quotes: list[Prices], sent: tuple[Any, ...]) -> Expected:
        agreeing = [one for one in quotes if _agrees(one, sent)]
        prices = min(agreeing, key=lambda one: (one.total, one.inbound or 0, one.outbound or 0), default=None)
        if prices is None:
            usual = {
                "period_every": 1,
                "period_unit": "month",
                "increments": "60/60",
                "connect_fee": 0,
                "rounding": "up",
            }
            details = {**quotes[0].view(), "setup_price": quotes[0].setup, **usual}
            there = number.prices == quotes[0]
            return refused(409, "price_changed", **details) if there else refused(404, "number_not_offered")
        if account.available < prices.total:
            missing = {"available": account.available, "missing": prices.total - account.available}
            return refused(402, "insufficient_balance", needed=prices.total, **missing, currency=account.currency)
        return self._sold(account, number, prices)

    def _sold(self, account: Account, number: Number, prices: Prices) -> Expected:
        data = {"phone_number": number.e164, **prices.view(), "status": "active"}
        data |= {"setup_price": prices.setup, "charged": prices.total, "released_at": None}
        began = {"purchased_at": iso(self.now), "renews_at": iso(months_later(self.now, 1))}

        def then(answer: Answer) -> None:
            order_id = answer.data["order_id"]
            known = {**prices.view(), "phone_number": number.e164, "created_at": iso(self.now)}
            order = {**known, "id": order_id, "status": "completed", "setup_price": prices.setup}
            order |= {"charged": prices.total}
            view = {**known, "id": answer.data["id"], "number": number.e164, "friendly_name": "", "region": "TX"}
            view |= {"locality": "", "number_type": "local", "capabilities": ["voice"]}
            view |= {"iso_country": "US", "status": "active", "is_active": True, "renews_at": began["renews_at"]}
            view |= {"updated_at": iso(self.now), "released_at": None, "agent_id": "", "tags": [], "auto_renew": True}
            view |= {"connection_id": None}
            view |= {"ends_at": None, "past_due_since": None}
            order |= {"completed_at": iso(self.now)}
            rental = Rental(account, number, order, answer.content, view, self.now, prices.monthly)
            self.rentals.append(rental)
            number.state, number.rental = "assigned", rental
            for kind, amount in (("rental", prices.monthly), ("setup", prices.setup)):
                if amount:
                    line = {"id": f"trf_{order_id[4:]}_{kind}", "kind": kind, "order_id": order_id, "reference": None}
                    account.move(-amount, {**line, "created_at": iso(self.now)})

        return Expected(data={**data, **began}, then=then)

    def latest(self, account: Account, e164: str) -> Rental | None:
        """An account's live rental of a number, else the one that ended last."""
        mine = [one for one in self.rentals if one.account is account and one.number.e164 == e164]
        return next((one for one in mine if one.view["is_active"]), mine[-1] if mine else None)

    def release(self, account: Account, e164: str) -> Expected:
        """A number given back, or given back before."""
        rental = self.latest(account, e164)
        if rental is None:
            return refused(404, "not_found")
        at = rental.view["released_at"] or iso(self.now)

        def then(_: Answer) -> None:
            if not rental.view["is_active"]:
                return
            self._charge_what_began(rental)
            rental.view |= {"status": "released", "is_active": False, "renews_at": None, "auto_renew": False}
            rental.view |= {"released_at": iso(self.now), "updated_at": iso(self.now)}
            number = rental.number
            number.state, number.rental, number.rests_until = "quarantined", None, self.now + QUARANTINE

        return Expected(data={"phone_number": e164, "status": "released", "released_at": at}, then=then)

    def _charge_what_began(self, rental: Rental) -> None:
        """Periods that began before a release are charged as far as the wallet reaches, at most three, else waived."""
        account, charged = rental.account, 0
        for period in itertools.count(1):
            if months_later(rental.began_at, period) > self.now:
                return
            if account.available >= rental.monthly and charged < MOST_CHARGED:
                charged += 1
                line = {"id": f"trf_{rental.view['id'][4:]}_rent_{period}", "kind": "rental", "order_id": None}
                account.move(-rental.monthly, {**line, "reference": None, "created_at": iso(self.now)})

    def label(self, account: Account, e164: str, labels: Json) -> Expected:
        """Labels written on a live rental."""
        rental = self.latest(account, e164)
        if rental is None or not rental.view["is_active"]:
            return refused(404, "not_found")
        written = {name: value for name, value in labels.items() if value is not None}
        if written:
            written["updated_at"] = iso(self.now)
        return Expected(data={**rental.view, **written}, then=lambda _: rental.view.update(written))

    def rented(self, account: Account, *, live: bool | None) -> list[Json]:
        """An account's rentals, newest first."""
        mine = [one.view for one in reversed(self.rentals) if one.account is account]
        return [view for view in mine if live is None or view["is_active"] is live]

    def fund(self, account: Account, kind: str, amount: Decimal, reference: str | None) -> Expected:
        """Money paid in, or a correction: once for each reference."""
        if amount == 0 or (kind == "top_up" and amount < 0):
            reason = "must be greater than zero" if kind == "top_up" else "must not be zero"
            return refused(400, "invalid_request", field="amount", reason=reason)
        earlier = account.references.get((kind, reference or ""))
        if earlier is not None:
            same = earlier["amount"] == amount
            return Expected(data=earlier) if same else refused(422, "idempotency_conflict", field="amount")
        if amount < 0 and account.available + amount < 0:
            missing = {"available": account.available, "missing": -amount - account.available}
            return refused(402, "insufficient_balance", needed=-amount, **missing, currency=account.currency)
        line = {"kind": kind, "order_id": None, "reference": reference, "created_at": iso(self.now)}

        def then(answer: Answer) -> None:
            written = account.move(amount, {**line, "id": answer.data["id"]})
            if reference is not None:
                account.references[kind, reference] = written

        after = {"entry": len(account.lines) + 1, "amount": amount, "balance": account.posted + amount}
        return Expected(data={**line, **after, "currency": account.currency}, then=then)

    def new_key(self, account: Account, maker: Key | None, scopes: tuple[str, ...], expires_at: int | None) -> Expected:
        """A key made with another, which gives only what it has, or by the operator."""
        if maker is not None and not set(scopes) <= set(maker.scopes):
            return refused(403, "forbidden")
        if expires_at is not None and expires_at <= self.now:
            return refused(400, "invalid_request", field="expires_at", reason="must be in the future")
        if maker is not None and maker.expires_at is not None:
            expires_at = maker.expires_at if expires_at is None else expires_at
            if expires_at > maker.expires_at:
                end = f"must be no later than {iso(maker.expires_at)}, when the key that makes it expires"
                return refused(400, "invalid_request", field="expires_at", reason=end)
        ordered = tuple(scope for scope in SCOPES if scope in scopes)
        view: Json = {"account_id": account.id, "name": "made", "scopes": list(ordered), "created_at": iso(self.now)}
        view |= {"expires_at": None if expires_at is None else iso(expires_at), "revoked_at": None}
        view |= {} if maker is None else {"created_by": maker.view["id"]}

        def then(answer: Answer) -> None:
            known = {**view, "id": answer.data["id"], "starts_with": answer.data["key"][:12]}
            self.keys.append(Key(answer.data["key"], account, ordered, known, expires_at))

        return Expected(data=view, then=then)

    def revoke(self, key: Key | None) -> Expected:
        """A key that works no more; revoked again it keeps its instant."""
        if key is None:
            return refused(404, "not_found")

        def then(_: Answer) -> None:
            key.revoked = True
            key.view["revoked_at"] = key.view["revoked_at"] or iso(self.now)

        return Expected(data={**key.view, "revoked_at": key.view["revoked_at"] or iso(self.now)}, then=then)


def _agrees(prices: Prices, sent: tuple[Any, ...]) -> bool:
    """Whether what a buyer confirmed means these prices."""
    rest = all(said is None or said == (offered or 0) for said, offered in zip(sent[2:], prices[2:], strict=True))
    return bool(sent[1] == prices.monthly) and rest
