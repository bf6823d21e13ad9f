"""Examples of fields and parameters that no example of an endpoint shows, by name or by shape and name.

Touches: nothing.

A parameter belongs to `query`, `path` or `header`: `query.sort`.
"""

from __future__ import annotations

from typing import Any, Final

EXAMPLES: Final[dict[str, Any]] = {
    "area_code": "361",
    "at_least": 10,
    "carrier": "twilio",
    "BadLineView.line": 17,
    "disposition": "completed",
    "FieldView.example": "AC0123456789abcdef0123456789abcdef",
    "iso_country": "US",
    "leg": "b",
    "margin_fixed": 0.1,
    "margin_percent": 20,
    "orders_refused_said": "Account suspended",
    "problem": "They were sealed with another key.",
    "RecordResultView.field": "started_at",
    "CarrierBody.secrets": {"auth_token": "0123456789abcdef0123456789abcdef"},
    "created_by": "key_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "SuggestionView.changed": ["starts_with"],
    "waived_by": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "SipTargetBody.uri": "sip:pbx.example.com:5080",
    "SuggestionView.query": {"number_type": "local"},
    "Failure.error.details": {"field": "price", "reason": "must be above zero"},
    "Page.next": "MjA",
    "query.after": 1204,
    "query.call_id": "b2f4-1",
    "query.contains": ["777"],
    "query.country": "US",
    "query.ends_with": "42",
    "query.excludes": ["4"],
    "query.max_price": 5,
    "query.page_size": 50,
    "query.page_token": "MjA",
    "query.starts_with": "512",
    "query.pattern": "^512%00$",
    "path.delivery_id": "dlv_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "path.profile_id": "cmp_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "NumberSettingsBody.emergency_address": "AD0123456789abcdef0123456789abcdef",
    "path.person_id": "per_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "path.key_id": "key_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "path.rule_id": "prl_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "header.Idempotency-Key": "order-4711",
    "username": "numberdesk",
    "password": "a-long-password",
    "method": "POST",
    "fallback_url": "https://voice.example.com/calls/other",
    "object_kind": "trunk",
    "object_id": "TK0123456789abcdef0123456789abcdef",
    "forward_to": "+12125550123",
    "EndedSessionView.field": "seconds",
    "query.month": "2026-03",
    "query.account_id": "acc_0195b3a4c7e07d2f8a1b2c3d4e5f6071",
    "query.to": "+13612738809",
    "query.from": "+12025550123",
    "query.context": "public",
    "query.profile": "external",
    "query.uuid": "2f1b7c0e-6a53-4c55-9a43-1f8f2b1c9d10",
    "path.month": "2026-03",
}
