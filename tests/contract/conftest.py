"""Contract tests hold our requests, and our mock's answers, against what carriers document."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from testbed.prism import missing


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Unless they are asked for they are not read: carriers' own clients take seconds to load."""
    wanted: str = config.option.markexpr
    if collection_path.suffix == ".py" and wanted and not re.search(r"(?<!not )\bcontract\b", wanted):
        return True
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without Prism or the documents they say so and are skipped."""
    reason = missing()
    for item in items:
        if "contract" in item.path.parts and item.get_closest_marker("contract") and reason:
            item.add_marker(pytest.mark.skip(reason=reason))
