"""The receiver in docs/webhooks.md, run as it stands there."""

from __future__ import annotations

import asyncio
import re
import time
from http.server import HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from numberdesk.infra.vault import Vault, new_key
from numberdesk.webhooks.model import WebhookEndpoint, secret_text
from numberdesk.webhooks.sender import WebhookMessage, WebhookSender, seal_secret
from testbed.egress import LOOPBACK

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"
BODY = b'{"type":"number.purchased","id":"evt_1","data":{"phone_number":"+13612738809"}}'


def test_the_receiver_of_the_document_takes_an_event_once_and_refuses_a_forged_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, vault = secret_text(b"n" * 32), Vault(new_key())
    monkeypatch.setenv("WEBHOOK_SECRET", secret)
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    module: dict[str, Any] = {"__name__": "receiver"}
    exec(program, module)  # noqa: S102  our own document
    module["Receiver"].log_message = lambda *_: None
    with HTTPServer(("127.0.0.1", 0), module["Receiver"]) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        url = f"http://127.0.0.1:{server.server_port}/"

        async def send(signed_with: str) -> int | None:
            endpoint = WebhookEndpoint("whk_1", "acc_1", 0, url, "", "", seal_secret(vault, "whk_1", signed_with), 1, 1)
            sender = WebhookSender(vault, lambda: time.time_ns() // 1000, egress=LOOPBACK)
            attempt = await sender.send(endpoint, WebhookMessage("evt_1", BODY))
            await sender.close()
            return attempt.status

        statuses = [asyncio.run(send(each)) for each in (secret, secret, secret_text(b"x" * 32))]
        server.shutdown()
        serving.join()
    assert statuses == [204, 204, 400]
    assert capsys.readouterr().out == "number.purchased {'phone_number': '+13612738809'}\n"
