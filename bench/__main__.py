"""Measure and print P1-3 (purchases), P4 (search), P6 (memory), P7 (verify), P8-9 (carriers), P10 (fairness), imports,
deliveries of webhooks.

Touches: files, environment.

Floors and the service are measured in turn, several times, and medians are printed, because the machine's speed
drifts more than what is to be seen. Names of parts (purchases, idle, audit, carriers, fairness, search, imports,
deliveries) as arguments run these only. Of search, numbers among the arguments are the sizes of inventories, and
sqlite or postgresql the one engine.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.audit import bench_audit
from bench.carriers import bench_carriers
from bench.deliveries import bench_deliveries
from bench.fairness import bench_fairness
from bench.idle import bench_idle
from bench.imports import bench_imports
from bench.purchases import bench_purchases
from bench.search import ENGINES, USUAL_SIZES, bench_search

PARTS = {
    "purchases": bench_purchases,
    "idle": bench_idle,
    "audit": bench_audit,
    "carriers": bench_carriers,
    "fairness": bench_fairness,
    "search": bench_search,
    "imports": bench_imports,
    "deliveries": bench_deliveries,
}


def main(wanted: list[str]) -> None:
    """Run the benchmarks in a temporary folder."""
    print(f"Python {sys.version.split()[0]}, medians; floors are measured in turn with the service.\n")
    sizes = [int(word) for word in wanted if word.isdigit()] or USUAL_SIZES
    engines = [word for word in wanted if word in ENGINES] or ENGINES
    names = [word for word in wanted if word in PARTS] or list(PARTS)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            if name == "search":
                bench_search(Path(folder), sizes, engines)
            else:
                PARTS[name](Path(folder))


main(sys.argv[1:])
