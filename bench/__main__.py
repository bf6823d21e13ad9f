"""Measure and print P1-3 (purchases), P4 (search), P5 (calls, sessions), P6-13 (P11 routing, P13 console), imports.

Touches: files, environment.

Floors and the service are measured in turn, several times, and medians are printed, because the machine's speed
drifts more than what is to be seen. Names of parts (purchases, idle, audit, carriers, fairness, search, calls,
sessions, renewals, routing, console, imports, deliveries) as arguments run these only. Numbers among the arguments are
the sizes of inventories, or how many lines, calls, sessions, renewals and rentals, or the rentals and the numbers
behind the console; sqlite or postgresql is the one engine of fairness, search and calls.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.audit import bench_audit
from bench.calls import USUAL_RECORDS, bench_calls
from bench.carriers import bench_carriers
from bench.console import USUAL_SIZES as USUAL_CONSOLE
from bench.console import bench_console
from bench.deliveries import bench_deliveries
from bench.fairness import bench_fairness
from bench.idle import bench_idle
from bench.imports import USUAL_LINES, bench_imports
from bench.purchases import bench_purchases
from bench.renewals import USUAL_RENEWALS, bench_renewals
from bench.routing import USUAL_RENTALS, bench_routing
from bench.search import ENGINES, USUAL_SIZES, bench_search
from bench.sessions import USUAL_SESSIONS, bench_sessions

OF_ONE_SIZE: dict[str, Callable[[Path], None]] = {
    "purchases": bench_purchases,
    "idle": bench_idle,
    "audit": bench_audit,
    "carriers": bench_carriers,
    "deliveries": bench_deliveries,
}
OF_SIZES: dict[str, tuple[Callable[[Path, Sequence[int]], None], Sequence[int]]] = {
    "imports": (bench_imports, [USUAL_LINES]),
    "sessions": (bench_sessions, [USUAL_SESSIONS]),
    "renewals": (bench_renewals, [USUAL_RENEWALS]),
    "routing": (bench_routing, [USUAL_RENTALS]),
    "console": (bench_console, USUAL_CONSOLE),
}
"""With the sizes that are usual."""

PARTS = (*OF_ONE_SIZE, "fairness", "search", "calls", *OF_SIZES)


def main(wanted: list[str]) -> None:
    """Run the benchmarks in a temporary folder."""
    print(f"Python {sys.version.split()[0]}, medians; floors are measured in turn with the service.\n")
    sizes = [int(word) for word in wanted if word.isdigit()]
    engines = [word for word in wanted if word in ENGINES] or ENGINES
    names = [word for word in wanted if word in PARTS] or list(PARTS)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            run_part(name, Path(folder), sizes, engines)


def run_part(name: str, folder: Path, sizes: Sequence[int], engines: Sequence[str]) -> None:
    """Run one part, at the usual size unless others are given."""
    if name == "search":
        bench_search(folder, sizes or USUAL_SIZES, engines)
    elif name == "fairness":
        bench_fairness(folder, engines)
    elif name == "calls":
        bench_calls(folder, sizes or [USUAL_RECORDS], engines)
    elif name in OF_SIZES:
        bench, usual = OF_SIZES[name]
        bench(folder, sizes or usual)
    else:
        OF_ONE_SIZE[name](folder)


main(sys.argv[1:])
