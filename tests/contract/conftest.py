"""Contract tests hold our requests, and our mock's answers, against what carriers document."""

from __future__ import annotations

import pytest

from testbed.prism import missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without Prism or the documents they say so and are skipped."""
    reason = missing()
    for item in items:
        if "contract" in item.path.parts and item.get_closest_marker("contract") and reason:
            item.add_marker(pytest.mark.skip(reason=reason))
