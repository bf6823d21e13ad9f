"""A server that ends itself with kill -9 at a named point: `python -m testbed.crashing POINT HITS`.

It is the service as `numberdesk serve` builds it, with one thing more: what it tells at each point
(writer.POINTS, buy_number.POINTS) is counted here, and after so many hits of POINT the process is
gone. The product itself has no such switch.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, cast

from numberdesk import worker
from numberdesk.api.app import build_app
from numberdesk.api.server import bind, serve
from numberdesk.flows.buy_number import POINTS as PURCHASE_POINTS
from numberdesk.infra import log
from numberdesk.infra.settings import load_settings
from numberdesk.infra.writer import POINTS as WRITER_POINTS
from numberdesk.wiring import build

POINTS = (*WRITER_POINTS, *PURCHASE_POINTS)


def killing(point: str, hits: int) -> Callable[[str], None]:
    """End this process when `point` is reached the `hits`-th time since the first purchase was asked for."""
    left = hits
    asked = False
    counting = threading.Lock()

    def reach(reached: str) -> None:
        nonlocal left, asked
        with counting:
            asked = asked or reached == PURCHASE_POINTS[0]
            if not asked or reached != point:
                return
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return reach


def main(point: str, hits: int) -> None:
    """Serve until the point is reached."""
    if point not in POINTS:
        raise SystemExit(f"{point} is not one of {', '.join(POINTS)}")
    settings = load_settings()
    log.configure("error")
    with bind("127.0.0.1", 0) as sock:
        services = build(settings, reach=killing(point, hits))
        services.writer.start()
        end_work = worker.start(services)
        print(f"Numberdesk on http://127.0.0.1:{sock.getsockname()[1]}", flush=True)  # noqa: T201  the first answer
        try:
            serve(cast("Any", build_app(services)), sock, new_id=lambda: services.new_id("req"))
        finally:
            end_work()
            services.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
