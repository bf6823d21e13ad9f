"""What we send is verified by the library that the Standard Webhooks specification has for JavaScript."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from pathlib import Path
from typing import Final

import pytest

from numberdesk.infra.vault import Vault, new_key
from numberdesk.webhooks.model import WebhookEndpoint, rotated, secret_text
from numberdesk.webhooks.sender import WebhookMessage, WebhookSender, seal_secret
from testbed.egress import LOOPBACK
from testbed.scripted import Seen, reply, scripted

pytestmark = pytest.mark.contract

VERIFIER: Final = """
const { Webhook } = require("standardwebhooks");
const sent = JSON.parse(require("fs").readFileSync(0, "utf8"));
try { new Webhook(sent.secret).verify(sent.body, sent.headers); console.log("verified"); }
catch (error) { console.log(error.message); }
"""
SECRET, FORMER = secret_text(b"n" * 32), secret_text(b"f" * 32)


@pytest.fixture(scope="module")
def delivery() -> Seen:
    """A delivery as it arrives a moment after its secret was changed, so that both secrets sign."""
    vault, now = Vault(new_key()), time.time_ns() // 1000

    async def main(url: str) -> None:
        former = WebhookEndpoint("whk_1", "acc_1", 0, url, "", "", seal_secret(vault, "whk_1", FORMER), now, now)
        endpoint = rotated(former, seal_secret(vault, "whk_1", SECRET), now)
        sender = WebhookSender(vault, lambda: now, egress=LOOPBACK)
        await sender.send(endpoint, WebhookMessage("evt_1", '{"type":"number.purchased","data":"café"}'.encode()))
        await sender.close()

    with scripted(lambda _seen: reply(204)) as receiver:
        asyncio.run(main(f"{receiver.url}/hook"))
    return receiver.seen[0]


def verdict(delivery: Seen, secret: str, body: bytes) -> str:
    """What the library says."""
    sent = {"secret": secret, "headers": delivery.headers, "body": body.decode()}
    ran = subprocess.run(
        ["node", "-e", VERIFIER],
        input=json.dumps(sent), capture_output=True, text=True, check=True, cwd=Path(__file__).parent, timeout=60,
    )  # fmt: skip
    return ran.stdout.strip()


@pytest.mark.parametrize("secret", [SECRET, FORMER])
def test_a_delivery_is_verified_with_the_new_secret_and_with_the_former_one(delivery: Seen, secret: str) -> None:
    assert verdict(delivery, secret, delivery.body) == "verified"


def test_a_body_that_was_changed_and_another_secret_are_refused(delivery: Seen) -> None:
    assert verdict(delivery, SECRET, delivery.body.replace(b"number", b"nvmber")) == "No matching signature found"
    assert verdict(delivery, secret_text(b"x" * 32), delivery.body) == "No matching signature found"
