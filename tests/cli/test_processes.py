"""Several processes as one: started, watched, started again, told to stop, and never left behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psutil
import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork there")

PATIENCE = 30.0
PROGRAM = """
import os, signal, sys
from numberdesk.cli.processes import supervise
from numberdesk.infra import log

ends_with, signals = int(sys.argv[1]), int(sys.argv[2])
log.configure("info")

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # a line in one piece: others write too

def work():
    told = []

    def heard(number, _):
        told.append(number)
        say("told", len(told))

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, heard)
    say("started", os.getpid())
    while len(told) < signals:
        signal.sigtimedwait([], 0.02)
    signal.sigtimedwait([], 0.2)
    say("ended", len(told))
    sys.exit(ends_with)

well = supervise(2, work, starting=lambda: None, stopping=lambda: say("stopping"))
say("well" if well else "not well")
"""


class Crew:
    """A program of this package's that runs two processes, and what they print."""

    def __init__(self, *, signals: int, ends_with: int = 0) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PROGRAM, str(ends_with), str(signals)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._unread = b""
        self.lines: list[str] = []

    def line(self) -> str:
        """The next line that any of them prints; empty when all have ended."""
        assert self.process.stdout is not None
        give_up = time.monotonic() + PATIENCE
        while b"\n" not in self._unread:
            assert select.select([self.process.stdout], [], [], max(0.0, give_up - time.monotonic()))[0], self.lines
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return ""
            self._unread += data
        line, _, self._unread = self._unread.partition(b"\n")
        self.lines.append(line.decode())
        return self.lines[-1]

    def line_with(self, word: str) -> str:
        while word not in (line := self.line()):
            assert line, self.lines
        return line

    def started(self) -> int:
        return int(self.line_with("started").split()[1])

    def rest(self) -> list[str]:
        """What is printed until every process has ended: they all have the same standard output."""
        return list(iter(self.line, ""))


@pytest.fixture
def crew() -> Iterator[Callable[..., Crew]]:
    made: list[Crew] = []

    def start(**given: int) -> Crew:
        made.append(Crew(**given))
        return made[-1]

    yield start
    for each in made:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()
        assert each.process.stdout is not None
        each.process.stdout.close()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_parent_ends_all_and_each_ends_its_work(crew: Callable[..., Crew], stop: int) -> None:
    running = crew(signals=1)
    assert running.started() != running.started()
    running.process.send_signal(stop)
    assert sorted(running.rest()) == ["ended 1", "ended 1", "stopping", "told 1", "told 1", "well"]
    assert running.process.wait(PATIENCE) == 0


def test_a_process_that_is_killed_is_started_again_and_the_log_says_so(crew: Callable[..., Crew]) -> None:
    running = crew(signals=1)
    first, second = running.started(), running.started()
    os.kill(first, signal.SIGKILL)
    said = json.loads(running.line_with("ended by itself"))
    assert (said["level"], said["pid"], said["status"]) == ("warning", first, -signal.SIGKILL)
    assert running.started() not in (first, second)
    running.process.send_signal(signal.SIGTERM)
    assert sorted(running.rest()) == ["ended 1", "ended 1", "stopping", "told 1", "told 1", "well"]


def test_a_process_that_ends_when_nobody_told_it_to_is_started_again_too(crew: Callable[..., Crew]) -> None:
    running = crew(signals=1)
    first, _ = running.started(), running.started()
    os.kill(first, signal.SIGTERM)
    assert json.loads(running.line_with("ended by itself"))["status"] == 0
    assert running.started() != first


def test_processes_that_die_at_once_are_started_again_with_longer_and_longer_rests(crew: Callable[..., Crew]) -> None:
    running = crew(signals=0, ends_with=3)
    rests = [json.loads(running.line_with("ended by itself")) for _ in range(4)]
    assert [each["status"] for each in rests] == [3] * 4
    assert [each["again_in_seconds"] for each in rests] == [0.5, 1.0, 2.0, 4.0]
    running.process.send_signal(signal.SIGTERM)
    assert running.rest()[-1] == "well"


def test_no_process_outlives_its_parent(crew: Callable[..., Crew]) -> None:
    running = crew(signals=1)
    running.started()
    running.started()
    running.process.kill()
    said = running.rest()
    assert [line for line in said if line.startswith("ended")] == ["ended 1", "ended 1"]
    assert sum("the process that started this one is gone" in line for line in said) == 2


def test_no_process_outlives_its_parent_though_nobody_reads_what_it_says(crew: Callable[..., Crew]) -> None:
    running = crew(signals=1)
    processes = [psutil.Process(running.started()) for _ in range(2)]
    assert running.process.stdout is not None
    running.process.stdout.close()
    running.process.kill()
    assert psutil.wait_procs(processes, PATIENCE)[1] == []


def test_ctrl_c_at_a_terminal_reaches_each_process_once(crew: Callable[..., Crew]) -> None:
    running = crew(signals=1)
    running.started()
    running.started()
    os.killpg(running.process.pid, signal.SIGINT)
    assert sorted(running.rest()) == ["ended 1", "ended 1", "stopping", "told 1", "told 1", "well"]


def test_a_second_signal_is_passed_on_as_well(crew: Callable[..., Crew]) -> None:
    running = crew(signals=2)
    running.started()
    running.started()
    running.process.send_signal(signal.SIGTERM)
    assert sorted(running.line() for _ in range(3)) == ["stopping", "told 1", "told 1"]
    running.process.send_signal(signal.SIGTERM)
    assert sorted(running.rest()) == ["ended 2", "ended 2", "told 2", "told 2", "well"]


def test_one_that_did_not_end_well_is_told_at_the_end(crew: Callable[..., Crew]) -> None:
    running = crew(signals=1, ends_with=3)
    running.started()
    running.started()
    running.process.send_signal(signal.SIGTERM)
    assert running.rest()[-1] == "not well"
