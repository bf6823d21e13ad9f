"""Real calls on this machine: Kamailio with the configuration that the documents name, and SIPp at both ends."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
TOOLS: Final = ROOT / ".venv" / "calls"
CONFIGURATION: Final = ROOT / "ops" / "kamailio" / "kamailio.cfg"
_SCENARIOS: Final = Path(__file__).parent / "scenarios"
_PATIENCE: Final = 30.0
_HOST: Final = "127.0.0.1"
_OPTIONS: Final = (
    "OPTIONS sip:{host}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{own};branch=z9hG4bK{own}\r\n"
    "From: <sip:test@{host}>;tag=1\r\nTo: <sip:{host}:{port}>\r\nCall-ID: {own}\r\nCSeq: 1 OPTIONS\r\n"
    "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def missing() -> str:
    """Why no calls can be placed here; "" when they can."""
    if not (TOOLS / ".ready").exists():
        return "Kamailio and SIPp are not here: make call-tools fetches them, on Debian"
    return ""


@dataclass
class Exchange:
    """A Kamailio that asks a desk, and two phones behind it: one answers every call, the other is engaged."""

    port: int
    phone: int
    engaged: int
    folder: Path

    @property
    def said(self) -> str:
        """What Kamailio logged."""
        return (self.folder / "kamailio.log").read_text(errors="replace")

    def dial(self, number: str, scenario: str, call_id: str, talk_ms: int = 0) -> None:
        """Place a call as a scenario tells it, from beginning to end. Raises AssertionError if it went otherwise."""
        log = self.folder / f"{scenario}.log"
        port, longest = str(_free_port()), f"{_PATIENCE:.0f}s"
        arguments = ["-s", number, "-p", port, "-m", "1", "-d", str(talk_ms), "-cid_str", call_id]
        arguments += ["-timeout", longest, "-timeout_error"]
        with _sipp(log, scenario, *arguments, f"{_HOST}:{self.port}") as caller:
            status = caller.wait(_PATIENCE + 5)
        assert status == 0, f"{log.read_text(errors='replace')}\n{self.said}"


@contextlib.contextmanager
def exchange(desk: str, key: str, folder: Path) -> Iterator[Exchange]:
    """Kamailio before a desk: in its configuration only the desk's address, the key and the port are changed."""
    port, phone, engaged = (_free_port() for _ in range(3))
    text = CONFIGURATION.read_text()
    for written, ours in (
        ("http://any:YOUR_API_KEY@127.0.0.1:8000", desk.replace("://", f"://any:{key}@")),
        ("127.0.0.1:5060", f"{_HOST}:{port}"),
    ):
        assert written in text, f"{CONFIGURATION} has no {written}"
        text = text.replace(written, ours)
    (folder / "kamailio.cfg").write_text(text)
    made = Exchange(port, phone, engaged, folder)
    with (
        _sipp(folder / "phone.log", "answers", "-p", str(phone)),
        _sipp(folder / "engaged.log", "is_engaged", "-p", str(engaged)),
        _running(folder / "kamailio.log", *_kamailio(folder)) as process,
    ):
        _wait(made, process)
        yield made


def _free_port() -> int:
    """A port that nobody listens at, by UDP or TCP."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind((_HOST, 0))
            port = int(tcp.getsockname()[1])
            with contextlib.suppress(OSError):
                udp.bind((_HOST, port))
                return port


def _kamailio(folder: Path) -> list[str]:
    (modules,) = TOOLS.glob("usr/lib/*/kamailio/modules")
    program = TOOLS / "usr" / "sbin" / "kamailio"
    files = ["-f", str(folder / "kamailio.cfg"), "-L", str(modules), "-Y", str(folder), "-w", str(folder)]
    return [str(program), "-DD", "-E", *files]


def _sipp(log: Path, scenario: str, *arguments: str) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    trace = ["-trace_err", "-error_file", f"{log}.errors", "-trace_msg", "-message_file", f"{log}.messages"]
    program, file = TOOLS / "usr" / "bin" / "sipp", _SCENARIOS / f"{scenario}.xml"
    return _running(log, str(program), "-sf", str(file), "-i", _HOST, "-nostdin", *trace, *arguments)


@contextlib.contextmanager
def _running(log: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program out of the folder, with its libraries, until the end of the `with`."""
    libraries = [
        *TOOLS.glob("usr/lib/*-linux-gnu*"),
        *TOOLS.glob("lib/*-linux-gnu*"),
        *TOOLS.glob("usr/lib/*/kamailio"),
    ]
    environment = {**os.environ, "LD_LIBRARY_PATH": ":".join(map(str, libraries)), "TERM": "dumb"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
    try:
        yield process
    finally:
        process.terminate()  # Kamailio ends its other processes then
        try:
            process.wait(_PATIENCE)
        finally:
            process.kill()
            process.wait()


def _wait(made: Exchange, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE
    with socket.socket(type=socket.SOCK_DGRAM) as asking:
        asking.bind((_HOST, 0))
        asking.settimeout(0.2)
        asking.connect((_HOST, made.port))
        request = _OPTIONS.format(host=_HOST, port=made.port, own=asking.getsockname()[1]).encode()
        while time.monotonic() < end and process.poll() is None:
            with contextlib.suppress(OSError):
                asking.send(request)
                if asking.recv(4096).startswith(b"SIP/2.0 200"):
                    return
                time.sleep(0.02)
    raise RuntimeError(f"Kamailio did not start:\n{made.said}")
