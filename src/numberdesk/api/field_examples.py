"""Examples of fields and parameters that no example of an endpoint shows, by name or by shape and name.

Touches: nothing.

A parameter belongs to `query`, `path` or `header`: `query.sort`.
"""

from __future__ import annotations

from typing import Any, Final

EXAMPLES: Final[dict[str, Any]] = {}
