"""Faults planted in what has to do with carriers: orders, look-ups, releases, offers, audits."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from numberdesk.carriers.port import NO_PAPERS, NotReleased, Released
from numberdesk.core.carrier_order import (
    FEWEST_ABSENCES,
    AbsenceCount,
    Absent,
    NotSent,
    Pending,
    Placed,
    Reason,
    Refused,
    Unknown,
)
from numberdesk.flows.carriers.confirm_carrier_releases import note_releases
from numberdesk.flows.carriers.note_audits import note_audits
from numberdesk.flows.catalog.keep_offers import keep_offers
from numberdesk.flows.cleanup import clean_up
from numberdesk.flows.purchase.open_orders import open_orders
from numberdesk.flows.purchase.settle_orders import settle_orders
from numberdesk.infra.db import Tx
from numberdesk.infra.log import get_log
from numberdesk.orders.carrier_order_store import DUE_ORDERS
from numberdesk.wiring import DAY
from simulation.carriers import SimulatedCarrier
from simulation.product import Flow, Product
from tests.simulation.planted_tools import after_releasing, charge, then


def hearing(change: Callable[[Any], Any]) -> Flow:
    """Words about orders are heard as others."""

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        return settle_orders(tx, [heard._replace(outcome=change(heard.outcome)) for heard in commands])

    return apply


def absence_proves_at_once(wanted_until: str) -> Flow:
    """The first look-up that finds nothing is believed."""

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        for heard in commands:
            if isinstance(heard.outcome, Absent):
                tx.run(
                    "UPDATE carrier_orders SET absences = 9, absent_since = 1, "  # noqa: S608  a number of its own
                    f"wanted_until = {wanted_until} WHERE order_id = ? AND settled_at IS NULL",
                    [heard.order_id],
                )
        return settle_orders(tx, commands)

    return apply


def believe_the_time_of_day(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
    """Absence is proven when the time of day says that the window is over, which has not passed by any other clock."""
    for heard in commands:
        if isinstance(heard.outcome, Absent):
            _prove_early(tx, heard)
    return settle_orders(tx, commands)


def _prove_early(tx: Tx, heard: Any) -> None:
    query = "SELECT counts FROM carrier_orders WHERE order_id = ? AND attempts >= ? AND absent_since <= ?"
    found = tx.fetch(query, [heard.order_id, FEWEST_ABSENCES - 1, heard.now - heard.window])
    counts = [AbsenceCount._make(count) for (text,) in found for count in json.loads(text)]
    mine = [count for count in counts if count.process == heard.inquiry.process]
    if mine and heard.inquiry.asked - mine[0].first < heard.window:
        began = heard.inquiry.asked - heard.window
        proven = json.dumps([mine[0]._replace(absences=FEWEST_ABSENCES, first=began, last=began)])
        tx.run("UPDATE carrier_orders SET counts = ? WHERE order_id = ?", [proven, heard.order_id])


def after_settling(damage: Callable[[Tx, Any, Any, bool], None]) -> Flow:
    """Orders are settled, and something is done for each; it is told whether the order had ended before."""

    def apply(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
        ids = {heard.order_id for heard in commands}
        states = dict(tx.fetch("SELECT id, state FROM orders", []))
        standings = settle_orders(tx, commands)
        for heard, standing in zip(commands, standings, strict=True):
            damage(tx, heard, standing, states[heard.order_id] != "ordering")
        assert ids <= set(states)
        return standings

    return apply


def capture_again(tx: Tx, heard: Any, standing: Any, had_ended: bool) -> None:  # noqa: FBT001  told in its place
    if had_ended and isinstance(heard.outcome, Placed) and standing.order.completed_at:
        charge(tx, standing.order, f"trf_{heard.order_id}_again", heard.now)


def overturn(tx: Tx, heard: Any, standing: Any, had_ended: bool) -> None:  # noqa: FBT001  as above
    if had_ended and not isinstance(heard.outcome, Placed) and standing.order.completed_at:
        tx.run("UPDATE orders SET state = 'failed', completed_at = NULL WHERE id = ?", [heard.order_id])


def count_no_attempt(tx: Tx, heard: Any, standing: Any, had_ended: bool) -> None:  # noqa: ARG001, FBT001  as above
    if standing.again is not None:
        tx.run("UPDATE carrier_orders SET sends = 1 WHERE order_id = ?", [heard.order_id])


def keep_claim(tx: Tx, heard: Any, standing: Any, had_ended: bool) -> None:  # noqa: FBT001  as above
    order = standing.order
    if order.failure is not None and not had_ended:
        tx.run(
            "UPDATE numbers SET state = 'claimed', account_id = ?, order_id = ? WHERE e164 = ?",
            [order.account_id, heard.order_id, order.e164],
        )


def forget_late_number(tx: Tx, heard: Any, standing: Any, had_ended: bool) -> None:  # noqa: ARG001, FBT001  as above
    if had_ended:
        tx.run("DELETE FROM carrier_releases WHERE id = ?", [heard.order_id.replace("ord_", "rel_")])


def lose_failure(tx: Tx, heard: Any, standing: Any, had_ended: bool) -> None:  # noqa: ARG001, FBT001  as above
    tx.run("DELETE FROM events WHERE id = ?", [heard.order_id.replace("ord_", "evt_fail_")])


def keep_answers(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
    """What was to be the answer stays, though the order came to nothing."""
    before = tx.fetch("SELECT * FROM idempotency_records", [])
    standings = settle_orders(tx, commands)
    there = {row[:2] for row in tx.fetch("SELECT account_id, key FROM idempotency_records", [])}
    for row in before:
        if tuple(row[:2]) not in there:
            tx.run(f"INSERT INTO idempotency_records VALUES ({', '.join('?' * len(row))})", list(row))  # noqa: S608  only marks
    return standings


def without_lease(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
    """Orders are taken up, and stay due for everybody else."""
    taken = DUE_ORDERS.take_up(tx, commands)
    tx.run("UPDATE carrier_orders SET leased_until = NULL", [])
    return taken


def offers_for_ever(quote_lifetime: int, wanted_for: int) -> Flow:
    """An offer is good long after it ended."""
    flow = open_orders(quote_lifetime, wanted_for)

    def apply(tx: Tx, buys: Sequence[Any]) -> Sequence[Any]:
        tx.run("UPDATE offers SET expires_at = expires_at + ?", [DAY])
        decisions = flow(tx, buys)
        tx.run("UPDATE offers SET expires_at = expires_at - ?", [DAY])
        return decisions

    return apply


def keep_no_offers(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:  # noqa: ARG001  a flow's signature
    return [None] * len(commands)


def believe_every_release(tx: Tx, commands: Sequence[Any]) -> Sequence[Any]:
    """A release whose answer never came is noted as confirmed."""
    heard = [told._replace(answer=Released()) if isinstance(told.answer, NotReleased) else told for told in commands]
    return note_releases(tx, heard)


def overlook_orphans(tx: Tx, results: Sequence[Any]) -> Sequence[Any]:
    """Numbers that nobody knows are no news."""
    return note_audits(tx, [result._replace(findings=()) for result in results])


class SendsAgain(SimulatedCarrier):
    """Tries an order again that was not answered, as HTTP clients like to do."""

    async def order(self, e164: str, reference: str, iso_country: str = "", papers: Any = NO_PAPERS) -> Any:
        word = await super().order(e164, reference, iso_country, papers)
        return await super().order(e164, reference, iso_country, papers) if isinstance(word, Unknown) else word


class TakesErrorsForRefusals(SimulatedCarrier):
    """Makes a refusal of 5xx."""

    async def order(self, e164: str, reference: str, iso_country: str = "", papers: Any = NO_PAPERS) -> Any:
        word = await super().order(e164, reference, iso_country, papers)
        return Refused(Reason.OTHER, word.message) if word == Unknown("HTTP 500") else word


class TakesPendingForSuccess(SimulatedCarrier):
    """Makes a success of an order that is only taken."""

    async def order(self, e164: str, reference: str, iso_country: str = "", papers: Any = NO_PAPERS) -> Any:
        word = await super().order(e164, reference, iso_country, papers)
        return Placed("pending", reference) if isinstance(word, Pending) else word


class IgnoresReferences(SimulatedCarrier):
    """Looks a number up, and takes it for the order's whatever its reference is."""

    async def find(self, e164: str, reference: str) -> Any:
        word = await super().find(e164, reference)
        return Placed(word.number_id, None) if isinstance(word, Placed) else word


class ConfirmsUnheard(SimulatedCarrier):
    """Says that a number is back when its request was not answered."""

    async def release(self, e164: str, number_id: str | None) -> Any:
        await super().release(e164, number_id)
        return Released()


class TellsCredentials(SimulatedCarrier):
    """Logs what it was set up with."""

    async def order(self, e164: str, reference: str, iso_country: str = "", papers: Any = NO_PAPERS) -> Any:
        get_log().info("order sent", reference=reference, token=self._setup["token"])
        return await super().order(e164, reference, iso_country, papers)


class RaisesAnything(SimulatedCarrier):
    """Meets an answer that nobody thought of."""

    async def find(self, e164: str, reference: str) -> Any:
        word = await super().find(e164, reference)
        return {Placed: word, Absent: word, Unknown: word}[type(word)]  # neither pending nor refused


def _not_sent(word: Any) -> Any:
    return NotSent(word.message) if isinstance(word, Unknown) else word


OF_CARRIERS: Final[dict[str, Product]] = {
    "an order is given up at the first absence": Product(instead={settle_orders: absence_proves_at_once("0")}),
    "an order is sent again without proof": Product(instead={settle_orders: absence_proves_at_once(f"{1 << 60}")}),
    "the time of day proves that an order is absent": Product(instead={settle_orders: believe_the_time_of_day}),
    "the hold ends when a carrier does not answer": Product(instead={settle_orders: hearing(_not_sent)}),
    "a purchase is charged once more when it is heard of again": Product(
        instead={settle_orders: after_settling(capture_again)}
    ),
    "a late word overturns an order that has ended": Product(instead={settle_orders: after_settling(overturn)}),
    "a second attempt is not counted": Product(instead={settle_orders: after_settling(count_no_attempt)}),
    "the number of a failed order stays claimed": Product(instead={settle_orders: after_settling(keep_claim)}),
    "a number that comes too late is forgotten": Product(instead={settle_orders: after_settling(forget_late_number)}),
    "the event of a failed order is missing": Product(instead={settle_orders: after_settling(lose_failure)}),
    "the answers of an order that came to nothing are kept": Product(instead={settle_orders: keep_answers}),
    "whoever takes an order up takes no lease": Product(instead={DUE_ORDERS.take_up: without_lease}),
    "a carrier is not told of a release": Product(
        release_numbers=after_releasing("DELETE FROM carrier_releases WHERE e164 = ?")
    ),
    "a release is confirmed whatever the carrier said": Product(instead={note_releases: believe_every_release}),
    "a carrier's number is for sale when it has rested": Product(
        instead={clean_up: then(clean_up, "UPDATE numbers SET state = 'available' WHERE state = 'withdrawn'")}
    ),
    "an offer is good after its end": Product(open_orders=offers_for_ever),
    "offers are shown and not kept": Product(instead={keep_offers: keep_no_offers}),
    "an audit overlooks numbers that nobody knows": Product(instead={note_audits: overlook_orphans}),
    "an adapter sends an order again": Product(adapter=SendsAgain),
    "an adapter takes 5xx for a refusal": Product(adapter=TakesErrorsForRefusals),
    "an adapter takes pending for success": Product(adapter=TakesPendingForSuccess),
    "an adapter ignores references": Product(adapter=IgnoresReferences),
    "an adapter confirms a release that was not answered": Product(adapter=ConfirmsUnheard),
    "an adapter logs its credentials": Product(adapter=TellsCredentials),
    "an adapter raises what nobody expects": Product(adapter=RaisesAnything),
}
"""Each fault in words, and the product that has it."""
