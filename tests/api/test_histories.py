"""Whatever several tenants and an operator do over HTTP, in any order: each answer is the model's, the books hold."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeVar, cast

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, initialize, invariant, multiple, rule, run_state_machine_as_test

from tests.api.desk import ABSENT_ID, Desk, History, running_desk
from tests.api.expected import Expected, refused
from tests.api.model import DAY, HOUR, QUARANTINE, QUOTE_LIFETIME, SCOPES, Key, Prices

POSTGRESQL_IN_THE_LONG_RUN: Final = "the simulation and the flows go through both engines"

Thing = TypeVar("Thing")

PRICES: Final = st.builds(
    Prices,
    st.sampled_from(["USD", "USD", "EUR"]),
    st.sampled_from(["1", "1.15", "2.5", "0.000001"]).map(Decimal),
    st.sampled_from([None, Decimal(0), Decimal("0.0085")]),
    st.sampled_from([None, Decimal("0.0945")]),
    st.sampled_from([Decimal(0), Decimal(0), Decimal("0.5")]),
)
OFFERS: Final = st.lists(PRICES, min_size=6, max_size=6)
PAID: Final = st.tuples(*(st.sampled_from(sums) for sums in (["3", "20"], ["0.5", "20"], ["3", "20"])))
"""To each tenant; the second has credit for the rest."""

MONEY: Final = st.sampled_from(["0", "0.000001", "0.5", "1", "1.15", "3", "20", "-0.5", "-1", "-3"]).map(Decimal)
KIND: Final = st.sampled_from(["top_up", "adjustment"])
REFERENCE: Final = st.sampled_from([None, "r1", "r2"])
TENANT: Final = st.integers(0, 2)
WHICH: Final = st.integers(0, 11)
"""Which of the things that there are, round and round; of numbers, rentals and keys also one that is not there."""

PHASES: Final = [phase for phase in Phase if phase is not Phase.explain]
NOT_LISTED: Final = 6
SIZE: Final = st.sampled_from([2, 100])
MOSTLY: Final = st.sampled_from([True, True, True, False])
CONFIRMS: Final = st.sampled_from(["offer", "offer", "offer", "former", "high", "rate", "rates", "setup"])
KEY_TEXT: Final = st.sampled_from([None, "k1", "k2", "k3"])
PURCHASES: Final = st.lists(st.tuples(TENANT, WHICH, KEY_TEXT), max_size=4)
AGAIN: Final = st.sampled_from(["same", "same", "other body", "other key"])
QUOTED: Final = st.sampled_from([0, 1, 1, QUOTE_LIFETIME - 1, QUOTE_LIFETIME, QUOTE_LIFETIME])
STEP: Final = st.sampled_from([1, 599, 600, HOUR, DAY, 8 * DAY, 30 * DAY, 30 * DAY, -1, -HOUR, -3 * DAY])
LABELS: Final = st.fixed_dictionaries(
    {},
    optional={
        "friendly_name": st.sampled_from([None, "", "Front desk", "客户"]),
        "agent_id": st.sampled_from([None, "", "agent-7"]),
        "tags": st.sampled_from([None, [], ["a"], ["a", "b"]]),
    },
)
SOME_SCOPES: Final = st.one_of(st.just(SCOPES), st.lists(st.sampled_from(SCOPES), min_size=1, unique=True).map(tuple))
LIMITED: Final = (("numbers:read", "billing:read"), ("numbers:read", "keys:manage"))
LIVES: Final = st.sampled_from([None, HOUR, 0])
LISTS: Final = st.sampled_from(["offers", "offers by price", "rented", "released", "orders", "statement", "keys"])
THINGS: Final = st.sampled_from(["number", "number", "order", "key", "balance"])


class Purchase(NamedTuple):
    """A purchase as it was asked for."""

    key: Key
    sent: tuple[Any, ...]
    text: str | None


class Tenants(History):
    """Three tenants, one with credit and one in another currency, with keys of all sorts; six numbers; an operator."""

    keys: Bundle[Key] = Bundle("keys")
    purchases: Bundle[Purchase] = Bundle("purchases")

    def __init__(self, desk: Desk, revoked: set[str]) -> None:
        super().__init__(desk)
        self.revoked = revoked

    @initialize(target=keys, offers=OFFERS, paid=PAID, bought=PURCHASES)
    def open(self, offers: list[Prices], paid: tuple[str, ...], bought: list[tuple[int, int, str | None]]) -> Any:
        self.list_numbers(dict(enumerate(offers)))
        for currency, limit in (("USD", "0"), ("USD", "1.5"), ("EUR", "0")):
            self.create_account(currency, limit)
        for account, amount in zip(self.model.accounts, paid, strict=True):
            self.create_key(account, SCOPES)
            self.fund(account, "top_up", Decimal(amount), None)
        for tenant, which, text in bought:
            key = self.model.keys[tenant]
            self.ask_to_buy(key, self._confirmed(self._offered(key, which), "offer"), text)
        for account, scopes in zip(self.model.accounts, LIMITED, strict=False):
            self.create_key(account, scopes)
        return multiple(*self.model.keys)

    @rule(target=purchases, key=keys, offered=MOSTLY, which=WHICH, confirms=CONFIRMS, text=KEY_TEXT, again=AGAIN)
    def buy(self, *, key: Key, offered: bool, which: int, confirms: str, text: str | None, again: str) -> Purchase:
        e164 = self._offered(key, which) if offered else self.e164(which % (NOT_LISTED + 1))
        purchase = Purchase(key, self._confirmed(e164, confirms), text)
        self.ask_to_buy(*purchase)
        if again != "other key":
            self.send_again(purchase=purchase, how=again, key=key, field=which % len(purchase.sent))
        return purchase

    @rule(purchase=purchases, how=AGAIN, key=keys, field=st.integers(0, 4))
    def send_again(self, purchase: Purchase, how: str, key: Key, field: int) -> None:
        """Also with one field changed, and with the key of another tenant, to whom the idempotency key is a new one."""
        again = purchase._replace(key=key) if how == "other key" else purchase
        if how == "other body":
            sent = list(again.sent)
            sent[field] = self.e164(NOT_LISTED) if field == 0 else (sent[field] or 0) + Decimal("0.5")
            again = again._replace(sent=tuple(sent))
        self.ask_to_buy(*again)

    @rule(key=keys, which=WHICH, offers=st.tuples(PRICES, PRICES), seconds=QUOTED, text=KEY_TEXT)
    def buy_as_quoted(
        self, key: Key, which: int, offers: tuple[Prices, Prices], seconds: int, text: str | None
    ) -> None:
        """An offer changes twice between the look at it and the purchase: first only its rates, then its price."""
        e164 = self._offered(key, which)
        sent = self._confirmed(e164, "offer")
        quoted, (first, last) = self.model.numbers[e164].prices, offers
        if quoted is not None:
            first = first._replace(currency=quoted.currency, monthly=quoted.monthly)
        for prices in (first, last):
            self.list_numbers({int(e164[-1]): prices})
            self._wait(seconds)
        self.ask_to_buy(key, sent, text)

    @rule(key=keys, own=MOSTLY, which=WHICH)
    def release(self, *, key: Key, own: bool, which: int) -> None:
        e164, asker = self._rented(key, which, own=own)
        predict = lambda: self.model.release(asker.account, e164)  # noqa: E731  asked when the key may
        self.ask_for(asker, "numbers:manage", "DELETE", "/phone-numbers/{}/release/", e164, predict)

    @rule(key=keys, which=WHICH, seconds=st.sampled_from([0, QUARANTINE - 1, QUARANTINE]), worked=MOSTLY)
    def sell_again(self, *, key: Key, which: int, seconds: int, worked: bool) -> None:
        """A number is given back, and somebody wants it at once, or when it has rested."""
        e164, owner = self._rented(key, which, own=True)
        predict = lambda: self.model.release(owner.account, e164)  # noqa: E731
        self.ask_for(owner, "numbers:manage", "DELETE", "/phone-numbers/{}/release/", e164, predict)
        self._wait(seconds)
        if worked:
            self._work()
        self.ask_to_buy(key, self._confirmed(e164, "offer"), None)

    @rule(key=keys, own=MOSTLY, which=WHICH, labels=LABELS)
    def label(self, *, key: Key, own: bool, which: int, labels: dict[str, Any]) -> None:
        e164, asker = self._rented(key, which, own=own)
        predict = lambda: self.model.label(asker.account, e164, labels)  # noqa: E731
        self.ask_for(asker, "numbers:manage", "PATCH", "/phone-numbers/{}/", e164, predict, labels)

    @rule(key=keys, own=st.booleans(), what=THINGS, which=WHICH)
    def fetch(self, *, key: Key, own: bool, what: str, which: int) -> None:
        e164, asker = self._rented(key, which, own=own)
        account = asker.account
        if what == "number":
            rental = self.model.latest(account, e164)
            view = None if rental is None else rental.view
            self.ask_for(asker, "numbers:read", "GET", "/phone-numbers/{}/", e164, lambda: _found(view))
        elif what == "order":
            bought = _one_of(self.model.rentals, which)
            order_id = ABSENT_ID if bought is None else bought.order["id"]
            order = bought.order if bought is not None and bought.account is account else None
            self.ask_for(asker, "numbers:read", "GET", "/orders/{}/", order_id, lambda: _found(order))
        elif what == "key":
            key_id, other = self._key(asker, which)
            seen = None if other is None else other.view
            self.ask_for(asker, "keys:manage", "GET", "/api-keys/{}/", key_id, lambda: _found(seen))
        else:
            self.ask(asker, "billing:read", "GET", "/balance/", lambda: _found(account.balance()))

    @rule(key=keys, what=LISTS, size=SIZE)
    def list_all(self, key: Key, what: str, size: int) -> None:
        account, model = key.account, self.model
        if what.startswith("offers"):
            by_price = what == "offers by price"
            filters = {"starts_with": self.national, "sort": "price" if by_price else "number"}
            path, offers = "/phone-numbers/available-numbers/US/", model.offers(account.currency, by_price=by_price)
            self.ask_for_all(key, "numbers:read", path, offers, size, filters)
        elif what in ("rented", "released"):
            live = what == "rented"
            filters = {} if live else {"is_active": "false"}
            rented = model.rented(account, live=live)
            self.ask_for_all(key, "numbers:read", "/phone-numbers/", rented, size, filters)
        elif what == "orders":
            orders = [one.order for one in reversed(model.rentals) if one.account is account]
            self.ask_for_all(key, "numbers:read", "/orders/", orders, size)
        elif what == "statement":
            self.ask_for_all(key, "billing:read", "/transactions/", account.lines[::-1], size)
        else:
            keys = [one.view for one in model.keys if one.account is account and set(one.scopes) <= set(key.scopes)]
            self.ask_for_all(key, "keys:manage", "/api-keys/", keys, size)

    @rule(key=keys, by_operator=MOSTLY, kind=KIND, amount=MONEY, reference=REFERENCE)
    def move_money(self, *, key: Key, by_operator: bool, kind: str, amount: Decimal, reference: str | None) -> None:
        """Tenants cannot, not even on their own wallets."""
        if by_operator:
            self.fund(key.account, kind, amount, reference)
        else:
            path, body = f"/admin/accounts/{key.account.id}/top-ups/", {"amount": str(amount)}
            self.ask(key, "admin", "POST", path, lambda: pytest.fail("a tenant was let in"), body)

    @rule(tenant=TENANT, status=st.sampled_from(["suspended", "active"]))
    def set_standing(self, tenant: int, status: str) -> None:
        account = self.model.accounts[tenant]
        expected = Expected(data={"id": account.id, "status": status})
        self.operate("PATCH", f"/admin/accounts/{account.id}/", expected, {"status": status})
        account.status = status

    @rule(place=st.integers(0, 5), prices=st.one_of(PRICES, PRICES, PRICES, st.none()))
    def list_again(self, place: int, prices: Prices | None) -> None:
        self.list_numbers({place: prices})

    @rule(seconds=STEP, worked=MOSTLY)
    def time_passes(self, *, seconds: int, worked: bool) -> None:
        """Or goes back, as clocks do that were wrong. The worker comes by, or does not."""
        self._wait(seconds)
        if worked:
            self._work()

    @rule(target=keys, key=keys, by_operator=st.booleans(), scopes=SOME_SCOPES, lives=LIVES)
    def make_key(self, *, key: Key, by_operator: bool, scopes: tuple[str, ...], lives: int | None) -> Any:
        known = len(self.model.keys)
        if by_operator:
            self.create_key(key.account, scopes)
        else:
            self.create_key_with(key, scopes, None if lives is None else self.model.now + lives)
        return multiple(*self.model.keys[known:])

    @rule(key=keys, used=st.booleans(), seconds=st.sampled_from([HOUR - 1, HOUR]))
    def let_a_key_expire(self, *, key: Key, used: bool, seconds: int) -> None:
        known = len(self.model.keys)
        self.create_key_with(key, key.scopes, self.model.now + HOUR)
        for made in self.model.keys[known:]:
            for waited in (0, seconds) if used else (seconds,):
                self._wait(waited)
                self.list_all(made, "rented", 100)

    @rule(key=keys, which=WHICH, by_operator=st.booleans())
    def revoke_key(self, *, key: Key, which: int, by_operator: bool) -> None:
        """A tenant its own keys; another's is as if it were not there."""
        if by_operator:
            self.operate("DELETE", f"/admin/keys/{key.view['id']}/", self.model.revoke(key))
            return
        key_id, mine = self._key(key, which)
        predict = lambda: self.model.revoke(mine)  # noqa: E731
        self.ask_for(key, "keys:manage", "DELETE", "/api-keys/{}/", key_id, predict)

    @invariant()
    def wallets_are_the_models(self) -> None:
        assert self.desk.posted([account.id for account in self.model.accounts]) == [
            account.posted for account in self.model.accounts
        ]

    def teardown(self) -> None:
        """Only after a history that went as it should: after another one, this would hide what went wrong."""
        if not self.in_step:
            return
        held: list[str] = []
        for account in self.model.accounts:
            key = self.create_key(account, SCOPES)
            self.operate("GET", f"/admin/accounts/{account.id}/balance/", _found(account.balance()))
            for what in ("rented", "released", "orders", "statement"):
                self.list_all(key, what, 2)
            for what, which in itertools.product(("number", "order", "key"), range(4)):
                self.fetch(key=key, own=False, what=what, which=which)
            for kind, amount in itertools.product(("top_up", "adjustment"), ("2", "2", "3")):
                self.fund(account, kind, Decimal(amount), "at-the-end")
            self.let_a_key_expire(key=key, used=False, seconds=HOUR)
            held += [view["phone_number"] for view in self.model.rented(account, live=True)]
        assert len(held) == len(set(held))
        report = self.desk.audit()
        self.desk.broken = report.violations_total
        assert report.violations_total == self.before, report.violations
        self.revoked.update(key.text for key in self.model.keys if key.revoked)

    def _wait(self, seconds: int) -> None:
        self.model.now += seconds
        self.desk.clock[0] = self.model.now

    def _work(self) -> None:
        self.model.clean_up()
        self.desk.clean_up()

    def _offered(self, key: Key, which: int) -> str:
        """A number that the tenant can buy, if there is one."""
        offers = self.model.offers(key.account.currency, by_price=False)
        return str(offers[which % len(offers)]["phone_number"]) if offers else self.e164(which % NOT_LISTED)

    def _rented(self, key: Key, which: int, *, own: bool) -> tuple[str, Key]:
        """A number that somebody has or had, or none has, and who asks for it: mostly its tenant."""
        rental = _one_of(self.model.rentals, which)
        if rental is None:
            return self.e164(which % (NOT_LISTED + 1)), key
        keys = [one for one in self.model.keys if one.account is rental.account and one.valid_at(self.model.now)]
        return rental.number.e164, max(keys, key=lambda one: len(one.scopes)) if own and keys else key

    def _key(self, asker: Key, which: int) -> tuple[str, Key | None]:
        """The id of a key of anybody, or of none, and the key if the asker may see it."""
        found = _one_of(self.model.keys, which)
        if found is None:
            return ABSENT_ID, None
        seen = found.account is asker.account and set(found.scopes) <= set(asker.scopes)
        return found.view["id"], found if seen else None

    def _confirmed(self, e164: str, confirms: str) -> tuple[Any, ...]:
        """What a buyer of a number confirms: the offer, what it was before, or something else."""
        number = self.model.numbers.get(e164)
        if number is None or number.prices is None:
            return e164, Decimal(1), None, None, None
        _, monthly, inbound, outbound, setup = number.prices
        if confirms == "former" and number.superseded:
            _, monthly, inbound, outbound, setup = number.superseded[max(number.superseded)]
        if confirms == "high":
            monthly += Decimal("0.01")
        rest = {
            "rate": (Decimal("0.0085"), None, None),
            "rates": (inbound or Decimal(0), outbound or Decimal(0), None),
            "setup": (None, None, setup),
        }
        return e164, monthly, *rest.get(confirms, (None, None, None))


def _one_of(things: Sequence[Thing], which: int) -> Thing | None:
    """One of the things that there are, or None."""
    place = which % (len(things) + 1)
    return things[place] if place < len(things) else None


def _found(view: Any) -> Expected:
    return refused(404, "not_found") if view is None else Expected(data=view)


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    with running_desk(database_url) as desk:
        yield desk


@pytest.mark.timeout(600)  # a failure takes minutes to shrink
def test_every_history_goes_as_the_model_says_and_leaves_the_books_in_order(desk: Desk) -> None:
    revoked: set[str] = set()
    examples = 12  # fewer may revoke no key, and show nothing of that
    run_state_machine_as_test(
        cast("Any", lambda: Tenants(desk, revoked)),
        settings=settings(
            max_examples=examples, stateful_step_count=50, print_blob=True, report_multiple_bugs=False, phases=PHASES
        ),
    )
    # Each was known to the service for half a second longer at most.
    deadline = time.monotonic() + 30
    assert revoked
    while revoked and time.monotonic() < deadline:
        revoked = {key for key in revoked if desk.ask(key, "GET", "/balance/").status != 401}
    assert not revoked
