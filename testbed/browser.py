"""A real browser for tests of pages: Chromium without a window, driven over pipes by its DevTools protocol.

It resolves no host but the machine's own, so that nothing that it does by itself leaves the machine, and it notes
every address that a page asks for.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

CHROMIUM: Final = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
"""The browser; empty where there is none."""

WHY_SKIPPED: Final = "there is no chromium on this machine (apt-get install chromium)"
_FLAGS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-pipe",
)  # fmt: skip
_START: Final = (
    "import os,sys;os.dup2(int(sys.argv[1]),3);os.dup2(int(sys.argv[2]),4);os.execv(sys.argv[3],sys.argv[3:])"
)
"""Chromium reads commands from descriptor 3 and answers on 4."""


class Browser:
    """A running browser with one page. `asked` are the addresses that pages asked for, `said` their complaints."""

    def __init__(self, profile: Path) -> None:
        self.asked: list[str] = []
        self.said: list[str] = []
        commands, self._write = os.pipe()
        self._read, answers = os.pipe()
        start = [sys.executable, "-I", "-S", "-c", _START, str(commands), str(answers), CHROMIUM, *_FLAGS]
        self._process = subprocess.Popen(
            [*start, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(commands, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._waiting = b""
        self._serial = 0
        self._session = ""
        (page,) = [each for each in self.call("Target.getTargets")["targetInfos"] if each["type"] == "page"]
        self._session = self.call("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(20)
        os.close(self._write)
        os.close(self._read)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        self._serial += 1
        command: dict[str, Any] = {"id": self._serial, "method": method, "params": parameters}
        if self._session:
            command["sessionId"] = self._session
        os.write(self._write, json.dumps(command).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == self._serial:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                return dict(message["result"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._waiting:
            piece = os.read(self._read, 1 << 20)
            if not piece:
                raise AssertionError("the browser has ended")
            self._waiting += piece
        raw, _, self._waiting = self._waiting.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        told = message.get("params", {})
        if message.get("method") == "Network.requestWillBeSent":
            self.asked.append(told["request"]["url"])
        elif message.get("method") == "Runtime.exceptionThrown":
            self.said.append(str(told["exceptionDetails"]))
        elif message.get("method") == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.said.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        return message

    def run(self, script: str) -> Any:
        """What an expression is in the page; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def until(self, script: str) -> Any:
        """Wait in the page until an expression is true; the test's own time limit ends what never is."""
        return self.run(
            f"new Promise(done => {{ const look = () => {{ const it = ({script}); "
            "it ? done(it) : setTimeout(look, 20); }; look(); })"
        )

    def open(self, address: str) -> None:
        """Show an address and wait until it is there."""
        self.call("Page.navigate", url=address)
        while not self.run(f"location.href === {json.dumps(address)} && document.readyState === 'complete'"):
            pass  # also where pages may run no script

    def look(self, *, width: int, height: int = 900, dark: bool = False, script: bool = True) -> None:
        """How the page is looked at from now on."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not script)

    def press(self, key: str, text: str = "") -> None:
        """A key of the keyboard."""
        code = {"Enter": 13, "Escape": 27, "ArrowDown": 40, "Tab": 9, "/": 191}.get(key, 0)
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=text, windowsVirtualKeyCode=code)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def write(self, text: str) -> None:
        """Text where the focus is."""
        self.call("Input.insertText", text=text)

    def picture(self, path: Path, *, whole: bool = False) -> None:
        """What is seen, as PNG."""
        taken = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser that ends with the block."""
    with Browser(profile) as started:
        yield started
