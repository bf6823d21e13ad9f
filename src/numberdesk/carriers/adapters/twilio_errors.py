"""What Twilio's error codes say of why an order was refused (https://www.twilio.com/docs/api/errors).

Touches: nothing.
"""

from __future__ import annotations

from typing import Final

from numberdesk.core.carrier_order import Reason

REASONS: Final = {
    21422: Reason.TAKEN,
    20429: Reason.THROTTLED,  # documented as never processed
    # Suspended or closed; a trial account and its limit; wrong credentials, or not allowed; no such account.
    **dict.fromkeys((10001, 10002, 21404, 20003, 20005, 20006, 20403, 20404), Reason.ACCOUNT),
    # Number malformed; address or bundle missing, or not good enough for this number.
    **dict.fromkeys((21421, 21613, 21615, 21628, 21629, 21631, 21649, 21650, 21651), Reason.OTHER),
}
