"""The operator has carriers audited, reads what was found, and decides about it.

Touches: clock.
"""

from __future__ import annotations

from typing import Any, Final

from numberdesk.carriers.finding_store import Finding, list_findings
from numberdesk.core.findings import DRIFTS, FindingKind, FindingState
from numberdesk.flows.carriers.audit_carriers import AuditReport
from numberdesk.flows.carriers.note_audits import FindingResolution, ResolveFinding, resolve_findings
from numberdesk.wiring import Services
from simulation.months.desk import Desk, plain
from simulation.months.facts import NORTH
from simulation.world import World

_MOST: Final = 1000
_MAY: Final = {
    FindingKind.ORPHAN: (FindingResolution.KEEP, FindingResolution.RELEASE),
    FindingKind.WRONG_REFERENCE: (FindingResolution.KEEP, FindingResolution.RELEASE, FindingResolution.RELEASE),
    FindingKind.STALE_RELEASE: (FindingResolution.RELEASE,),
    **dict.fromkeys(DRIFTS, (FindingResolution.KEEP, *(FindingResolution.PUT_BACK,) * 3)),
}
"""What may be decided of each kind. Whoever lost a number for good can do no more than keep the finding."""


class Inspector:
    """One person, who looks at findings."""

    def __init__(self, world: World, desk: Desk) -> None:
        self._world = world
        self._desk = desk

    async def audit(self) -> bool:
        """Have the carrier audited now; whether that came to its end."""

        async def story(services: Services, _: int) -> AuditReport | None:
            return await services.audit.run(NORTH)

        report = await self._desk.ask(story)
        is_whole = isinstance(report, AuditReport) and not report.message
        self._world.reached("audited" if is_whole else "audit_not_finished")
        return is_whole

    async def decide(self) -> None:
        """Decide about one finding or several, now and then after an audit."""
        if self._world.happens(0.3):
            await self.audit()

        async def story(services: Services, _: int) -> list[Finding]:
            return await services.reader.look_up(lambda tx: list_findings(tx, None, ended=False, limit=_MOST))

        found = await self._desk.ask(story)
        still_open = [one for one in found if one.state is FindingState.OPEN] if isinstance(found, list) else []
        self._world.chance.shuffle(still_open)
        for finding in still_open[: self._world.chance.randrange(1, 5)]:
            await self._resolve(finding, self._world.one_of(_MAY.get(finding.kind, (FindingResolution.KEEP,))))

    async def _resolve(self, finding: Finding, resolution: FindingResolution) -> None:
        def command(_: Services, now: int) -> ResolveFinding:
            serial = f"{self._world.chance.getrandbits(80):020x}"
            return ResolveFinding(finding.carrier, finding.e164, finding.kind, resolution, serial, now)

        answer: Any = await self._desk.submit(plain(resolve_findings), command)
        refused = "_refused" if isinstance(answer, Exception) else ""
        self._world.reached(f"{finding.kind}_{resolution}{refused}")
