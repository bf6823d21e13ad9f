"""Importing an inventory file by command: lines a second, processor time a line, memory.

Touches: files, environment, clock.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

from bench.sizes import sized

USUAL_LINES: Final = sized(100_000, 200)
_AREA_CODES: Final = ("201", "212", "213", "305", "312", "361", "404", "415", "512", "617", "702", "713")
_EXCHANGES: Final = 90
_EACH: Final = 10_000
MOST_LINES: Final = len(_AREA_CODES) * _EXCHANGES * _EACH
_HEADER: Final = "phone_number,monthly_price,per_minute_price_inbound,per_minute_price_outbound,currency\n"


def bench_imports(folder: Path, sizes: Sequence[int] = (USUAL_LINES,)) -> None:
    """Import files of so many lines, each into an empty SQLite file, and print what it took."""
    for lines in sizes:
        file = folder / f"{lines}.csv"
        _write(file, lines)
        _measure(file, lines)


def _measure(file: Path, lines: int) -> None:
    command = [sys.executable, "-m", "numberdesk"]
    environment = {**os.environ, "NUMBERDESK_DATABASE_URL": f"sqlite:///{file.with_suffix('.db')}"}
    subprocess.run([*command, "db", "upgrade"], env=environment, check=True, capture_output=True)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run([*command, "inventory", "import", str(file)], env=environment, check=True, capture_output=True)
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"import, {lines:,} lines, SQLite: {lines / seconds:,.0f} lines/s, {spent / lines * 1e6:.0f} us of processor "
        f"time a line, {after.ru_maxrss // 1024} MB in the largest process"
    )


def _write(file: Path, lines: int) -> None:
    """Numbers of real exchanges, blocks apart and in no order."""
    random = Random(7)  # noqa: S311  numbers to measure with
    places = random.sample(range(MOST_LINES), lines)
    with file.open("w") as out:
        out.write(_HEADER)
        for place in places:
            block, last = divmod(place, _EACH)
            area, exchange = divmod(block, _EXCHANGES)
            out.write(f"+1{_AREA_CODES[area]}{220 + exchange * 3}{last:04},1.15,0.0085,0.0945,USD\n")
