"""Measure and print P1 to P3 (purchases), P6 (memory, start), P7 (verify), P8, P9 (carriers), P10 (fairness), imports.

Touches: files, environment.

Floors and the service are measured in turn, several times, and medians are printed, because the
machine's speed drifts more than what is to be seen. Names of parts (purchases, idle, audit, carriers,
fairness, imports) as arguments run these only.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from bench.audit import bench_audit
from bench.carriers import bench_carriers
from bench.fairness import bench_fairness
from bench.idle import bench_idle
from bench.imports import bench_imports
from bench.purchases import bench_purchases

PARTS = {
    "purchases": bench_purchases,
    "idle": bench_idle,
    "audit": bench_audit,
    "carriers": bench_carriers,
    "fairness": bench_fairness,
    "imports": bench_imports,
}


def main(wanted: list[str]) -> None:
    """Run the benchmarks in a temporary folder."""
    print(f"Python {sys.version.split()[0]}, medians; floors are measured in turn with the service.\n")
    for name, part in PARTS.items():
        if not wanted or name in wanted:
            with tempfile.TemporaryDirectory() as folder:
                part(Path(folder))


main(sys.argv[1:])
