"""What `--help` says of each command, known without loading the command and all that it needs.

Touches: files.

helps.json is written by `python -m testbed.helps`, and a test compares it with what the commands say of themselves.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

HELPS: Final = Path(__file__).with_name("helps.json")
_ASKS: Final = ("--help", "-h")


def help_of(words: Sequence[str]) -> str | None:
    """The help that these words ask for, for 80 columns; None where they ask for none, or for that of no command."""
    *path, last = words or ("",)
    if last not in _ASKS or not path or any(word.startswith("-") for word in path):
        return None
    try:
        known: dict[str, str] = json.loads(HELPS.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # the command says it itself
    return known.get(" ".join(path))
