"""Whether an expression of numbering data says the same of all numbers that begin alike.

Touches: nothing.

The metadata writes its expressions with digits, classes of digits, groups, alternatives and bounded repetitions; one
with anything else is refused. Each is made into the states that reading it digit by digit goes through, so what all
numbers behind a beginning come to is known without trying them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_DIGITS: Final = "0123456789"
_CLASS: Final = re.compile(r"\[([0-9-]+)\]")
_BOUNDS: Final = re.compile(r"\{(\d+)(?:,(\d+))?\}")
_RANGE: Final = re.compile(r"(\d)-(\d)|(\d)")
_MATCHED: Final = 0
"""The state in which the expression has been read to its end."""

_States = frozenset[int]
_Part = Callable[[int], int]
"""A part of an expression: told the state that follows it, it gives the state in which it begins."""


class UnknownExpressionError(ValueError):
    """An expression has what those of the metadata are not known to have."""


class DigitPattern:
    """An expression for whole numbers; with `begins`, for what they begin with. Raises UnknownExpressionError."""

    def __init__(self, expression: str, *, begins: bool = False) -> None:
        self._states: list[tuple[str, tuple[int, ...]]] = []
        # After a beginning that matches, any digits may follow.
        self._add(_DIGITS if begins else "", _MATCHED)
        self._next: dict[tuple[_States, str], _States] = {}
        self._known: dict[tuple[_States, int], bool | None] = {}
        self._start = self._without_choices([_Reader(expression, self._add).read()(_MATCHED)])

    def holds(self, beginning: str, more: int) -> bool | None:
        """Whether it matches the numbers with `more` digits behind a beginning; None where these digits decide."""
        states = self._start
        for digit in beginning:
            states = self._after(states, digit)
        return self._holds(states, more)

    def _holds(self, states: _States, more: int) -> bool | None:
        if not more or not states:
            return _MATCHED in states
        key = (states, more)
        if key not in self._known:
            following = {self._after(states, digit) for digit in _DIGITS}
            found = {self._holds(each, more - 1) for each in following}
            self._known[key] = found.pop() if len(found) == 1 else None
        return self._known[key]

    def _after(self, states: _States, digit: str) -> _States:
        key = (states, digit)
        found = self._next.get(key)
        if found is None:
            reached = [end for state in states if digit in self._states[state][0] for end in self._states[state][1]]
            found = self._next[key] = self._without_choices(reached)
        return found

    def _add(self, digits: str, *following: int) -> int:
        """A state that one of these digits leaves. Without digits, and not the last one: a choice between others."""
        self._states.append((digits, following))
        return len(self._states) - 1

    def _without_choices(self, reached: list[int]) -> _States:
        found: set[int] = set()
        while reached:
            state = reached.pop()
            digits, following = self._states[state]
            if digits or state == _MATCHED:
                found.add(state)
            else:
                reached += following
        return frozenset(found)


class _Reader:
    """Reads an expression; `add` makes a state."""

    def __init__(self, expression: str, add: Callable[..., int]) -> None:
        self._text = expression
        self._at = 0
        self._add = add

    def read(self) -> _Part:
        """The whole expression."""
        part = self._alternatives()
        if self._at < len(self._text):
            raise UnknownExpressionError(self._text)
        return part

    def _takes(self, text: str) -> bool:
        found = self._text.startswith(text, self._at)
        self._at += len(text) if found else 0
        return found

    def _alternatives(self) -> _Part:
        branches = [self._sequence()]
        while self._takes("|"):
            branches.append(self._sequence())
        if len(branches) == 1:
            return branches[0]
        return lambda following: self._add("", *(branch(following) for branch in branches))

    def _sequence(self) -> _Part:
        parts: list[_Part] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            parts.append(self._repeated(self._atom()))

        def part(following: int) -> int:
            for each in reversed(parts):
                following = each(following)
            return following

        return part

    def _atom(self) -> _Part:
        if self._takes("("):
            self._takes("?:")
            inner = self._alternatives()
            if not self._takes(")"):
                raise UnknownExpressionError(self._text)
            return inner
        digits = self._digits()
        return lambda following: self._add(digits, following)

    def _digits(self) -> str:
        if self._takes("\\d"):
            return _DIGITS
        written = _CLASS.match(self._text, self._at)
        if written is not None:
            self._at = written.end()
            ranges = _RANGE.findall(written[1])
            return "".join(each for each in _DIGITS if any(a <= each <= b or each == one for a, b, one in ranges))
        digit = self._text[self._at]
        if digit not in _DIGITS:
            raise UnknownExpressionError(self._text)
        self._at += 1
        return digit

    def _repeated(self, part: _Part) -> _Part:
        bounds = _BOUNDS.match(self._text, self._at)
        if bounds is not None:
            self._at = bounds.end()
            fewest, most = int(bounds[1]), int(bounds[2] or bounds[1])
        elif self._takes("?"):
            fewest, most = 0, 1
        else:
            return part

        def repeated(following: int) -> int:
            start = following
            for _ in range(most - fewest):
                start = self._add("", part(start), following)
            for _ in range(fewest):
                start = part(start)
            return start

        return repeated
