"""Faults of audits and of what is decided about findings, planted on purpose: simulated months must find them all."""

from __future__ import annotations

from typing import Any, Final

from numberdesk.core.findings import FindingKind
from numberdesk.infra.db import Tx
from simulation.product import Product
from tests.simulation.planted_tools import Wrapper, asking, leaving, planted

_NEVER_OVER: Final = "UPDATE findings SET state = 'open' WHERE state = 'ended' AND kind IN ('orphan', 'lost')"
_NOT_TOLD: Final = """DELETE FROM carrier_releases WHERE confirmed_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM rentals r WHERE r.e164 = carrier_releases.e164)"""
_PUT_BACK: Final = """UPDATE rental_connections SET state = 'active', next_at = NULL, settled_at = 1
    WHERE state = 'pending' AND e164 IN (SELECT e164 FROM findings
    WHERE kind = 'drifted' AND state = 'open' AND message LIKE '%it is being put back')"""


def overlooking(kind: FindingKind) -> Wrapper:
    """Audits that find nothing of a kind."""

    def less(_: Tx, result: Any) -> Any:
        return result._replace(findings=tuple(one for one in result.findings if one.kind is not kind))

    return asking(less)


PLANTED: Final[dict[str, Product]] = {
    "an audit overlooks what stands on the account and is nobody's": planted(
        note_audits=overlooking(FindingKind.ORPHAN)
    ),
    "an audit overlooks what a carrier has lost": planted(note_audits=overlooking(FindingKind.LOST)),
    "what an audit found once is never over": planted(note_audits=leaving(_NEVER_OVER)),
    "what a person keeps is found anew": planted(
        note_audits=leaving("UPDATE findings SET state = 'open' WHERE state = 'kept'")
    ),
    "an orphan that is given back is told to nobody": planted(resolve_findings=leaving(_NOT_TOLD)),
    "what is put back is told to nobody": planted(resolve_findings=leaving(_PUT_BACK)),
}
