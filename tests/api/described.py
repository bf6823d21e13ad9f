"""The OpenAPI document as a client reads it: made once a process."""

from __future__ import annotations

import json
from typing import Any, Final

from numberdesk.api.app import build_app  # noqa: F401  its import declares the endpoints
from numberdesk.api.errors import ENCODER
from numberdesk.api.openapi import build_document

DOCUMENT: Final[dict[str, Any]] = json.loads(ENCODER.encode(build_document("/api/v1")))
