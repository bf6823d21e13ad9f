"""`carrier-sim` as a process: what it prints works, where it refuses to listen, how it stops."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

import pytest
import typer
from typer.testing import CliRunner

from numberdesk.cli.carrier_sim import carrier_sim

RUN = "import typer; from numberdesk.cli.carrier_sim import carrier_sim; typer.run(carrier_sim)"
PATIENCE = 30


class Started(NamedTuple):
    """A mock that has said where it listens."""

    process: subprocess.Popen[str]
    said: str

    @property
    def url(self) -> str:
        match = re.search(r"http://\S+:[0-9]+", self.said)
        assert match is not None
        return match[0]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def start(*options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    state = tmp_path_factory.mktemp("state") / "carriers.jsonl"
    process = start("--port", "0", "--numbers", "200", "--delay", "0", "--state", str(state))
    lines: list[str] = []
    output: IO[str] | None = process.stdout
    assert output is not None
    while "silence" not in "".join(lines):
        line = output.readline()
        assert line, process.stderr.read() if process.stderr else ""
        lines.append(line)
    yield Started(process, "".join(lines))
    process.kill()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def test_each_line_that_it_prints_can_be_run_and_it_stops_with_0(started: Started) -> None:
    text = started.said.replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith("curl")]
    assert len(lines) == 6
    answers = []
    for line in lines:
        done = subprocess.run(["sh", "-c", f"{line} -sS"], capture_output=True, text=True, timeout=PATIENCE, check=True)
        answers.append(json.loads(done.stdout))
    search, bought, found, order, purchases, faults = answers
    assert bought["phone_number"] in {each["phone_number"] for each in search["available_phone_numbers"]}
    assert bought["friendly_name"] == "my-order"
    assert [each["phone_number"] for each in found["data"]] == [order["data"]["phone_numbers"][0]["phone_number"]]
    assert order["data"]["status"] == "success"
    assert len(purchases) == 2
    assert [each["fault"] for each in faults] == ["silence"]
    assert started.stop() == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com", ""])  # noqa: S104  it must be refused
def test_it_listens_on_loopback_only(host: str) -> None:
    app = typer.Typer()
    app.command()(carrier_sim)
    done = CliRunner().invoke(app, ["--host", host, "--port", "0"])
    assert done.exit_code == 2
    assert "loopback" in done.output


def test_a_state_file_of_other_numbers_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text('{"format":1,"seed":7,"numbers":5}\n')
    process = start("--port", "0", "--state", str(state))
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "other numbers" in said
