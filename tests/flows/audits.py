"""Audits of a shop's carrier, for the tests of them."""

from __future__ import annotations

from typing import Any, Final

from numberdesk.carriers.finding_store import list_findings
from numberdesk.core.findings import FindingKind
from numberdesk.core.purchase import Order
from numberdesk.flows.carriers.audit_carriers import AuditReport, CarrierAuditor
from tests.flows.carrier_orders import DAY, SECOND, WINDOW
from tests.flows.conftest import PRICE, Shop

EVERY: Final = DAY


def auditing(shop: Shop, **changes: Any) -> CarrierAuditor:
    """The audits of one process."""
    return CarrierAuditor(shop.writer, shop.reader, shop.carriers, lambda: shop.now, EVERY, 7 * DAY, **changes)


def audited(shop: Shop, **changes: Any) -> AuditReport:
    """An audit now."""
    report = shop.tell(auditing(shop, **changes).run("acme"))
    assert report is not None
    return report


def found(report: AuditReport) -> list[tuple[str, FindingKind]]:
    """What an audit found."""
    return [(finding.e164, finding.kind) for finding in report.findings]


def status(shop: Shop, *, ended: bool = False) -> dict[str, tuple[str, str]]:
    """Findings in the books: kind and state by number."""
    with shop.database.read() as tx:
        return {
            one.e164: (one.kind.value, one.state.value) for one in list_findings(tx, None, ended=ended, limit=10**6)
        }


def rented(shop: Shop, account_id: str | None = None) -> str:
    """A number of acme's that a customer has had for longer than lists lag."""
    e164, buyer = shop.number(carrier="acme"), account_id or shop.account(PRICE)
    order = shop.tell(shop.purchase(shop.placement(), shop.wants(buyer, e164)))
    assert isinstance(order, Order)
    shop.now += WINDOW + SECOND
    return e164
