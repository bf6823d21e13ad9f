"""A server that ends itself with kill -9 at a named point: `python -m testbed.crashing POINT HITS [AHEAD]`.

It is the service as `numberdesk serve` builds it, with one thing more: what it tells at each point
(POINTS of writer, buy_number, place_orders, FAILPOINTS of due work) is counted here, and after
so many hits of POINT the process is gone. "STAGE:POINT" counts only after STAGE was passed, so
"heard:committed" is the commit after a carrier's answer was heard. With AHEAD its clock is so many
seconds ahead. The product itself has no such switch.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, Final, cast

from numberdesk import worker
from numberdesk.console.site import build_site
from numberdesk.flows.carriers.audit_carriers import CARRIER_AUDITS
from numberdesk.flows.carriers.confirm_carrier_releases import CARRIER_RELEASES
from numberdesk.flows.connections.connect_numbers import RENTAL_CONNECTIONS
from numberdesk.flows.connections.fill_trunks import TRUNK_NUMBERS
from numberdesk.flows.connections.forget_connections import CONNECTION_REMOVALS
from numberdesk.flows.purchase.buy_number import FAILPOINTS as PURCHASE_POINTS
from numberdesk.flows.purchase.follow_carrier_orders import CARRIER_ORDERS
from numberdesk.flows.purchase.place_orders import FAILPOINTS as ORDER_POINTS
from numberdesk.flows.rentals.renew_rentals import RENEWALS
from numberdesk.flows.settings.apply_settings import NUMBER_SETTINGS
from numberdesk.flows.usage.expire_sessions import SESSIONS
from numberdesk.flows.usage.pull_calls import CALL_PULLS
from numberdesk.flows.usage.send_calls import RECORDS_READ
from numberdesk.flows.webhooks.deliver_events import WEBHOOK_DELIVERIES
from numberdesk.http_server.server import bind, serve
from numberdesk.infra import clock, log
from numberdesk.infra.due_work import points_of
from numberdesk.infra.settings import load_settings
from numberdesk.infra.writer import FAILPOINTS as WRITER_POINTS
from numberdesk.wiring import Parts, build

FAILPOINTS: Final = (*WRITER_POINTS, *PURCHASE_POINTS)
"""What a purchase of the own pool passes."""

DUE_POINTS: Final = tuple(
    point
    for kind in (
        CARRIER_ORDERS,
        CARRIER_RELEASES,
        CARRIER_AUDITS,
        RENTAL_CONNECTIONS,
        CONNECTION_REMOVALS,
        TRUNK_NUMBERS,
        NUMBER_SETTINGS,
        RENEWALS,
        SESSIONS,
        WEBHOOK_DELIVERIES,
        CALL_PULLS,
    )
    for point in points_of(kind)
)
"""What due work of every kind passes."""

_ALL: Final = (*FAILPOINTS, *ORDER_POINTS, *DUE_POINTS, RECORDS_READ)


def killing(point: str, hits: int) -> Callable[[str], None]:
    """End this process when `point` is reached the `hits`-th time since its stage, the first purchase unless named."""
    stage, _, inner = point.rpartition(":")
    stage, inner = stage or _first_stage(inner), inner or point
    left = hits
    begun = False
    counting = threading.Lock()

    def failpoint(reached: str) -> None:
        nonlocal left, begun
        with counting:
            begun = begun or reached == stage
            if not begun or reached != inner:
                return
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return failpoint


def _first_stage(point: str) -> str:
    """Due work comes without a purchase before it."""
    return point if point in DUE_POINTS else PURCHASE_POINTS[0]


def main(point: str, hits: int, ahead: int = 0) -> None:
    """Serve until the point is reached."""
    unknown = set(point.split(":")) - set(_ALL)
    if unknown:
        raise SystemExit(f"{', '.join(unknown)}: not one of {', '.join(_ALL)}")
    settings = load_settings()
    log.configure("error")
    with bind("127.0.0.1", 0) as sock:
        services = build(settings, Parts(now=lambda: clock.now() + ahead * 1_000_000, failpoint=killing(point, hits)))
        services.writer.start()
        end_work = worker.start(services)
        print(f"Numberdesk on http://127.0.0.1:{sock.getsockname()[1]}", flush=True)  # noqa: T201  the first answer
        try:
            serve(cast("Any", build_site(services)), sock, new_id=lambda: services.new_id("req"))
        finally:
            end_work()
            services.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *map(int, sys.argv[3:]))
