"""The SQL of when the books were checked last.

Touches: verify_runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select, text

from numberdesk.core.invariants import RunOutcome, VerifyRun
from numberdesk.infra.db import Tx
from numberdesk.tables import verify_runs

_KEEP: Final = text(
    "INSERT INTO verify_runs (outcome, ran_at, violations) VALUES (:outcome, :ran_at, :violations) "
    "ON CONFLICT (outcome) DO UPDATE SET ran_at = excluded.ran_at, violations = excluded.violations"
)


def keep_verify_runs(tx: Tx, runs: Sequence[VerifyRun]) -> list[VerifyRun]:
    """The write flow: each run takes the place of the one before with its outcome."""
    for run in runs:
        tx.execute(_KEEP, run._asdict() | {"outcome": run.outcome.value})
    return list(runs)


def find_verify_runs(tx: Tx) -> dict[RunOutcome, VerifyRun]:
    """The last run with each outcome."""
    rows = tx.execute(select(verify_runs.c.outcome, verify_runs.c.ran_at, verify_runs.c.violations))
    return {RunOutcome(row.outcome): VerifyRun(RunOutcome(row.outcome), row.ran_at, row.violations) for row in rows}
