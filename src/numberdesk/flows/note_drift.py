"""Note that somebody set something else at a carrier, or that it is as wanted again.

Touches: database.

A finding that is kept stays so: whoever decided that knows. One that had ended is open again.
"""

from __future__ import annotations

from typing import NamedTuple

from numberdesk.carriers.finding_store import Finding, change_findings, insert_findings, lock_findings
from numberdesk.core.findings import FindingKind, FindingState
from numberdesk.core.schedule import LONGEST_MESSAGE
from numberdesk.flows.tell_operators import tell_findings
from numberdesk.infra.db import Tx


class Drift(NamedTuple):
    """What a carrier, which knows the number by `carrier_reference`, has in the place of what is wanted, in words."""

    carrier: str
    e164: str
    kind: FindingKind
    carrier_reference: str | None
    said: str


def note_drift(tx: Tx, drift: Drift, now: int) -> None:
    """Write a finding of what drifted."""
    said = drift.said[:LONGEST_MESSAGE]
    reference = drift.carrier_reference or ""
    finding = Finding(drift.carrier, drift.e164, drift.kind, FindingState.OPEN, reference, "", said, now, now)
    before = lock_findings(tx, [finding.key]).get(finding.key)
    if before is None:
        insert_findings(tx, [finding])
        tell_findings(tx, [(finding, now)])
    elif before.state is FindingState.ENDED:
        change_findings(tx, [finding])
        tell_findings(tx, [(finding, now)])
    else:
        change_findings(tx, [finding._replace(state=before.state, first_seen_at=before.first_seen_at)])
