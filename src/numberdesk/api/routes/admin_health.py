"""The operator's look over the service: what is wrong or missing, what is late, when the books were checked.

Touches: nothing.
"""

from __future__ import annotations

from numberdesk.api.endpoint import ApiRequest, ApiResponse, endpoint
from numberdesk.flows.examine import MOST_LOOKED_AT, examine
from numberdesk.views.doctor import HealthView, health_view


@endpoint(
    "GET",
    "/admin/health",
    summary="What is wrong or missing, what is late, and when the books were checked last",
    tag="Operators",
    scope="admin",
    data=HealthView,
    answer_example={
        "ok": False,
        "verified_at": "2026-03-20T14:30:00Z",
        "work": [{"work": "renewals", "due": 3, "late_seconds": 420, "tries": 0}],
        "advice": [
            {
                "level": "problem",
                "subject": "work",
                "message": "3 rows of renewals are due, the first for 420 s",
                "action": "see that numberdesk serve or worker runs, and what its log says",
            }
        ],
    },
)
async def health(request: ApiRequest) -> ApiResponse:
    """Look over what the database holds, as `numberdesk doctor` does, which looks at every number."""
    vault, now = request.services.vault, request.now
    return ApiResponse(health_view(await request.read(lambda tx: examine(tx, vault, now, MOST_LOOKED_AT))))
