"""The log: whole lines, no keys, and never the reason that something else fails."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import TextIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.accounts.model import RANDOM_BYTES, new_key, shown_part
from numberdesk.infra import log


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    log.configure("debug")
    yield
    log.configure("error")


KEYS = st.builds(new_key, st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES), test=st.booleans())


@given(KEYS, st.text(), st.text())
def test_of_a_key_only_its_beginning_is_left_in_a_text(key: str, before: str, after: str) -> None:
    left = log.without_keys(f"{before}{key}{after}")
    assert key not in left
    assert shown_part(key)[8:] not in left.removeprefix(before).removesuffix(after)
    assert left.startswith(before)


@given(st.text())
def test_a_text_without_a_key_stays_as_it_is(text: str) -> None:
    if not any(beginning in text for beginning in ("nd_live_", "nd_test_")):
        assert log.without_keys(text) == text


def test_keys_are_left_out_of_every_field_of_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    key = new_key(bytes(range(RANDOM_BYTES)))
    try:
        int(key)
    except ValueError:
        log.get_log().exception("failed", path=f"/x/{key}/y", reason=f"{key},{key}")
    written = capsys.readouterr().err
    assert key[8:] not in written
    line = json.loads(written)
    assert (line["path"], line["reason"]) == ("/x/nd_live_.../y", "nd_live_...,nd_live_...")
    assert "nd_live_..." in line["exception"]


class _Stream:
    """Standard error that counts its writes, and fails them where it is told to."""

    def __init__(self, fails: type[OSError] | None = None) -> None:
        self.written: list[str] = []
        self._fails = fails

    def write(self, text: str) -> None:
        self.written.append(text)
        self.flush()

    def flush(self) -> None:
        if self._fails is not None:
            raise self._fails


class _Terminal(_Stream):
    """Standard error that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("fails", [OSError, BrokenPipeError])
def test_a_log_that_cannot_be_written_fails_nobody(fails: type[OSError]) -> None:
    stream = _Stream(fails)
    with contextlib.redirect_stderr(cast("TextIO", stream)):
        log.get_log().warning("lost")
    assert stream.written


def test_a_line_and_its_end_are_one_write() -> None:
    stream = _Stream()
    with contextlib.redirect_stderr(cast("TextIO", stream)):
        log.get_log().info("said", number=1)
    (line,) = stream.written
    assert line.endswith("}\n")


@pytest.mark.parametrize(("form", "beginning"), [("json", "{"), ("auto", "{"), ("text", "20")])
def test_lines_are_for_people_at_a_terminal_or_where_they_are_wanted(
    form: log.LogFormat, beginning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure("info", form)
    log.get_log().info("order placed", order_id="ord_1")
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(beginning)
    assert "order placed" in line
    assert "ord_1" in line
    assert "\x1b" not in line


def test_at_a_terminal_lines_are_text(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = _Terminal()
    monkeypatch.setenv("NO_COLOR", "1")
    with contextlib.redirect_stderr(cast("TextIO", stream)):
        log.configure("info", "auto")
        log.get_log().info("order placed", order_id="ord_1")
    (line,) = stream.written
    assert "[info" in line
    assert "order_id=ord_1" in line


def test_no_line_for_people_holds_what_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info", "text")
    steering = "/\x1b[2J\x9b31m\x07\x7f\u202eend"
    log.get_log().error("request failed", path=steering, exc_info=ValueError(steering))
    written = capsys.readouterr().err
    assert not [sign for sign in written if not sign.isprintable() and sign != "\n"]
    assert r"path=/\x1b[2J\x9b31m\x07\x7f\u202eend" in written
    assert r"ValueError: /\x1b[2J" in written
