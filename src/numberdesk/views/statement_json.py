"""A whole statement as one JSON object, written piece by piece.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from numberdesk.core.statement import KindTotal
from numberdesk.flows.statements.read_statements import DescribedLine, Section, StatementHead
from numberdesk.views.statements import statement_line_view, statement_view

_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")
_END: Final = "]}"


class JsonStatement:
    """The form of a statement as JSON: that of the API, with all lines in it."""

    def __init__(self) -> None:
        self._is_first = True

    def begin(self, head: StatementHead, totals: Sequence[KindTotal]) -> str:
        """All but the lines, which are its last field."""
        return _ENCODER.encode(statement_view(head, totals, [])).decode().removesuffix(_END)

    def open_section(self, head: StatementHead, section: Section, opening: int) -> str:  # noqa: ARG002  a form's signature
        """Nothing: each line names its section."""
        return ""

    def lines(self, head: StatementHead, lines: Sequence[DescribedLine]) -> str:  # noqa: ARG002  a form's signature
        """Some lines."""
        written = ",".join(_ENCODER.encode(statement_line_view(line)).decode() for line in lines)
        before = "" if self._is_first else ","
        self._is_first = False
        return before + written

    def close_section(self, head: StatementHead, section: Section, closing: int) -> str:  # noqa: ARG002  a form's signature
        """Nothing: the head says how it closes."""
        return ""

    def end(self, head: StatementHead) -> str:  # noqa: ARG002  a form's signature
        """The end of the object."""
        return f"{_END}\n"
