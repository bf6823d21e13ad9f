"""No regular expression of the package can be made to run away: looked at by how it is built, not by the clock.

A matcher that backtracks takes more than a linear number of steps where what repeats without bound stands inside
something that repeats without bound, and where two such parts that fit the same characters follow each other with
nothing certain between them. Every pattern in the source is taken apart and neither may be found in it.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

import numberdesk

# The standard library's own reader of patterns; it has no public name.
parser: Any = importlib.import_module("re._parser")
codes: Any = importlib.import_module("re._constants")

ROOT: Final = Path(numberdesk.__file__).parent
FUNCTIONS: Final = {"compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer"}
EVERYTHING: Final = frozenset(range(256)) | {-1}
"""Bytes, and -1 for all other characters."""
_CATEGORIES: Final[dict[Any, frozenset[int]]] = {
    codes.CATEGORY_DIGIT: frozenset(range(48, 58)) | {-1},
    codes.CATEGORY_SPACE: frozenset(b" \t\n\r\f\v") | {-1},
    codes.CATEGORY_WORD: frozenset(code for code in range(256) if chr(code).isalnum() or code == 95) | {-1},
}
_NEGATED: Final = {
    codes.CATEGORY_NOT_DIGIT: codes.CATEGORY_DIGIT,
    codes.CATEGORY_NOT_SPACE: codes.CATEGORY_SPACE,
    codes.CATEGORY_NOT_WORD: codes.CATEGORY_WORD,
}
_REPEATS: Final = (codes.MAX_REPEAT, codes.MIN_REPEAT)


class Found(NamedTuple):
    """A regular expression in the source; `pattern` is None where it is not written out."""

    place: str
    pattern: str | bytes | None


def found_in(source: str, name: str) -> Iterator[Found]:
    """The first argument of every call of the module `re`."""
    for node in ast.walk(ast.parse(source)) if re.search(r"\bre\.", source) else ():
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.func.attr in FUNCTIONS
        ):
            given = node.args[0]
            written = isinstance(given, ast.Constant) and isinstance(given.value, str | bytes)
            yield Found(f"{name}:{node.lineno}", given.value if written else None)  # type: ignore[attr-defined]  # a constant


def danger(pattern: str | bytes) -> str | None:
    """Why a pattern could run away; None when it cannot."""
    return _danger(list(parser.parse(pattern)), inside=False)


def _danger(sequence: list[Any], *, inside: bool) -> str | None:
    open_ended: frozenset[int] = frozenset()  # what unbounded parts fit, since the last part that has to be there
    for code, given in _without_groups(sequence):
        unbounded = code in _REPEATS and given[1] is codes.MAXREPEAT
        if unbounded and inside:
            return "repeats without bound inside something that does"
        for part in _parts(code, given):
            reason = _danger(part, inside=inside or unbounded)
            if reason is not None:
                return reason
        fits = _fits(code, given)
        if unbounded and open_ended & fits:
            return "repeats twice in a row what fits the same characters"
        if code is codes.BRANCH and inside and _overlap([_first(part) for part in given[1]]):
            return "repeats a choice between parts that begin alike"
        if _may_be_empty(code, given):
            open_ended = open_ended | fits if unbounded else open_ended
        else:
            open_ended = fits if unbounded else frozenset()
    return None


def _without_groups(sequence: list[Any]) -> Iterator[tuple[Any, Any]]:
    """The same sequence; a group is what it holds."""
    for code, given in sequence:
        if code is codes.SUBPATTERN:
            yield from _without_groups(list(given[3]))
        else:
            yield code, given


def _parts(code: Any, given: Any) -> list[list[Any]]:
    """The sequences that a part of a pattern is made of."""
    if code in _REPEATS or code is codes.POSSESSIVE_REPEAT:
        return [list(given[2])]
    if code is codes.SUBPATTERN:
        return [list(given[3])]
    if code is codes.BRANCH:
        return [list(part) for part in given[1]]
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return [list(given[1])]
    if code is codes.ATOMIC_GROUP:
        return [list(given)]
    return []


def _fits(code: Any, given: Any) -> frozenset[int]:
    """The characters that a part can hold; more rather than fewer."""
    if code is codes.LITERAL:
        return frozenset({given if given < 256 else -1})
    if code is codes.NOT_LITERAL:
        return EVERYTHING - {given}
    if code is codes.ANY:
        return EVERYTHING
    if code is codes.IN:
        return _set(given)
    return frozenset().union(*(_fits(*each) for part in _parts(code, given) for each in part))


def _set(given: Any) -> frozenset[int]:
    members: frozenset[int] = frozenset()
    for code, value in given:
        if code is codes.RANGE:
            members |= {each if each < 256 else -1 for each in range(value[0], value[1] + 1)}
        elif code is codes.CATEGORY:
            members |= _CATEGORIES.get(value) or EVERYTHING - (_CATEGORIES[_NEGATED[value]] - {-1})
        elif code is codes.LITERAL:
            members |= {value if value < 256 else -1}
    return EVERYTHING - (members - {-1}) if given[0][0] is codes.NEGATE else members


def _first(part: Any) -> frozenset[int]:
    return _fits(*part[0]) if len(part) else EVERYTHING


def _overlap(sets: list[frozenset[int]]) -> bool:
    return sum(map(len, sets)) > len(frozenset().union(*sets))


def _may_be_empty(code: Any, given: Any) -> bool:
    if code in _REPEATS:
        return bool(given[0] == 0) or all(_may_be_empty(*each) for each in given[2])
    if code is codes.SUBPATTERN:
        return all(_may_be_empty(*each) for each in given[3])
    if code is codes.BRANCH:
        return any(all(_may_be_empty(*each) for each in part) for part in given[1])
    return code in (codes.AT, codes.ASSERT, codes.ASSERT_NOT)


FOUND: Final = [
    found
    for path in sorted(ROOT.rglob("*.py"))
    if "__pycache__" not in path.parts
    for found in found_in(path.read_text(), str(path.relative_to(ROOT)))
]
WRITTEN: Final = [found for found in FOUND if found.pattern is not None]
MADE: Final = {"infra/numbering_plan.py"}
"""Modules in which a pattern is made of parts of our own or of the numbering data, never of what was sent."""


@pytest.mark.parametrize("found", WRITTEN, ids=lambda found: found.place)
def test_no_pattern_can_run_away(found: Found) -> None:
    assert found.pattern is not None
    assert danger(found.pattern) is None


def test_patterns_are_written_out_where_they_are_used() -> None:
    assert len(WRITTEN) > 10
    assert {found.place.partition(":")[0] for found in FOUND if found.pattern is None} <= MADE


def test_paths_are_matched_by_patterns_that_cannot_run_away() -> None:
    from numberdesk.api import app  # noqa: F401, PLC0415  importing declares the endpoints
    from numberdesk.api.endpoint import ENDPOINTS  # noqa: PLC0415  as above

    for described in ENDPOINTS:
        assert danger(re.sub(r"\{\w+:\w+\}", "[^/]+", described.path)) is None


@pytest.mark.parametrize(
    "bad",
    [
        "(a+)+$", "(a*)*b", r"([a-z]+\d*)+!", "(a|a)*b", "(a|ab)*c", "(.*)(.*)x", r"\d+\d+x", r"\s*\s*$", "a*a*b",
        r"(\w+\s?)*$", "(?:x+y?)+z", "(?:abx|a[a-c]x)*d", r"[^,]*,?[^;]*;", b"(a+)+", r"\w*[a-z]?\w*!",
    ],
)  # fmt: skip
def test_a_pattern_that_could_run_away_is_seen(bad: str | bytes) -> None:
    assert danger(bad) is not None


@pytest.mark.parametrize(
    "good",
    ["[A-Z]{3}", r"-?[0-9]+(\.[0-9]+)?", "[^/]+", "(a|b)*c", "(?:ab|cd)*", r"[a-z]+:\d+", "a{0,5}b{0,5}", b"(?:x|y)+"],
)
def test_an_ordinary_pattern_is_let_be(good: str | bytes) -> None:
    assert danger(good) is None


def test_a_pattern_is_found_however_the_module_is_called_upon() -> None:
    source = "import re\nX = re.compile('a')\ndef f(t): return re.fullmatch(X.pattern, t) or re.sub(b'b', b'', t)\n"
    assert [found.pattern for found in found_in(source, "m.py")] == ["a", None, b"b"]
