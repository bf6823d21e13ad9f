"""Texts as cells of CSV that a spreadsheet shows and does not run.

Touches: nothing.

A text that begins like a formula gets an apostrophe before it, which spreadsheets hide. Numbers and phone numbers stay
as they are: what is nothing but digits, a sign and a point cannot run.
"""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)
_RUNS: Final = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # noqa: RUF001  spreadsheets take these, too
_ENDS: Final = ("\t", "\r", "\n")


def safe_cell(text: str) -> str:
    """The text as a cell. What stands behind blanks runs, too, where they are cut off."""
    runs = text.startswith(_ENDS) or text.lstrip().startswith(_RUNS)
    return f"'{text}" if runs and not _PLAIN.fullmatch(text) else text
