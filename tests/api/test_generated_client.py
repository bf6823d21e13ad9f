"""A client that a stranger's tool generates from our OpenAPI document searches, buys and gives back."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Final

import pytest

from numberdesk.api.docs import make_files
from tests.api.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN: Final = "the document is the same on both engines"

GENERATOR: Final = Path(__file__).parents[2] / ".venv" / "generator" / "bin"

pytestmark = [
    pytest.mark.contract,
    pytest.mark.skipif(
        not (GENERATOR / "openapi-python-client").exists(),
        reason="openapi-python-client is not installed: make contract installs it",
    ),
]

SCRIPT: Final = """
import json, sys
from client import AuthenticatedClient
from client.api.billing import balance
from client.api.numbers import available_numbers, buy, get_number, release_number
from client.models import BuyBody, Failure

url, key, number = sys.argv[1:]
told = {}
with AuthenticatedClient(base_url=url, token=key) as client:
    found = available_numbers.sync("US", client=client, starts_with=number[2:], page_size=5)
    offer = found.data[0]
    told["offer"] = offer.phone_number, offer.price, offer.per_minute_price_inbound
    body = BuyBody(phone_number=offer.phone_number, price=offer.price, setup_price=offer.setup_price)
    bought = buy.sync(client=client, body=body, idempotency_key="generated")
    again = buy.sync(client=client, body=body, idempotency_key="generated")
    told["bought"] = bought.data.status.value, bought.data.charged, bought.data.order_id == again.data.order_id
    told["rented"] = get_number.sync(bought.data.id, client=client).data.status.value
    told["released"] = release_number.sync(bought.data.id, client=client).data.status.value
    told["posted"] = balance.sync(client=client).data.posted
    refused = buy.sync(client=client, body=BuyBody(phone_number=offer.phone_number, price=0.01))
    told["refused"] = isinstance(refused, Failure) and refused.error.code.value
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the client was generated into."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_bytes(make_files()["/openapi.json"].content)
    command = ["generate", "--meta", "none", "--path", "openapi.json", "--output-path", "client"]
    told = subprocess.run(
        [str(GENERATOR / "openapi-python-client"), *command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    warnings = [line for line in told.stdout.splitlines() if line.startswith("WARNING")]
    assert [line for line in warnings if "inventory/import" not in line] == []  # text/csv it does not know
    return folder


def test_the_client_searches_buys_and_releases(generated: Path, shop: Shop) -> None:
    customer, number = shop.customer(10), shop.number()
    command = [str(GENERATOR / "python"), "-c", SCRIPT, shop.url, customer.key, number]
    told = subprocess.run(command, cwd=generated, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(told.stdout) == {
        "offer": [number, 1.15, 0.0085],
        "bought": ["active", 1.15, True],
        "rented": "active",
        "released": "released",
        "posted": 8.85,
        "refused": "number_not_offered",
    }
