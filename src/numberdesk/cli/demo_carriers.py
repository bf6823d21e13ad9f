"""Simulated carriers for the demo: a Twilio and a Telnyx in this process, connected and priced.

Touches: files.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from numberdesk.catalog.rule_store import list_price_rules
from numberdesk.catalog.rules import PriceRule
from numberdesk.cli.output import fail
from numberdesk.flows.connect_carriers import connect_carriers, new_carrier
from numberdesk.flows.set_price_rules import set_price_rules
from numberdesk.infra.settings import Settings
from numberdesk.infra.vault import new_key
from numberdesk.wiring import Services

NAMES: Final = {"twilio": "twilio-demo", "telnyx": "telnyx-demo"}
"""The kinds of carriers that are simulated, and what their accounts are called."""

_CREDENTIALS: Final = {
    "twilio": {"account_sid": "AC" + "0" * 31 + "1", "auth_token": "a-simulated-token"},
    "telnyx": {"api_key": "a-simulated-key"},
}
_MARGIN: Final = 200_000
_OUTBOUND: Final = 20_000
_INBOUND: Final = 10_000
_CENT: Final = 10_000


def key_of(settings: Settings) -> SecretStr:
    """A key for credentials. Those of the simulated carriers open nothing, so one of this start's own will do."""
    return settings.credentials_key if settings.credentials_key.get_secret_value() else SecretStr(new_key())


def state_file(settings: Settings) -> Path:
    """Where the simulated carriers keep what they sold: beside the demo's database."""
    url = settings.database_url
    file = url.removeprefix("sqlite:///") if url.startswith("sqlite:///") else "var/demo.db"
    return Path(file).with_suffix(".carriers.jsonl")


@contextlib.contextmanager
def simulated_carriers(state: Path) -> Iterator[dict[str, str]]:
    """Run the simulator, which keeps what it sold in the file; give where each kind of carrier is."""
    from numberdesk.carrier_sim.journal import JournalError  # noqa: PLC0415  a server for real starts without it
    from numberdesk.carrier_sim.model import Api  # noqa: PLC0415  the same
    from numberdesk.carrier_sim.running import Config, running  # noqa: PLC0415  the same

    state.parent.mkdir(parents=True, exist_ok=True)
    try:
        with running(Config(state=state)) as simulator:
            yield {kind: simulator.url_of(Api(kind)) for kind in NAMES}
    except JournalError as error:
        fail(str(error))


def connect(services: Services, urls: dict[str, str]) -> None:
    """Connect the simulated carriers where they are now, and price their numbers once."""
    for kind, name in NAMES.items():
        values = {**_CREDENTIALS[kind], "base_url": urls[kind]}
        account = new_carrier(name, kind, values, services.vault, services.now())
        services.writer.apply(connect_carriers, account)
        if not services.reader.read_now(lambda tx, name=name: list_price_rules(tx, name, limit=1)):  # type: ignore[misc]  # binds the loop's name
            services.writer.apply(set_price_rules, _rule(services, name))
    services.carriers.forget()


def text(urls: dict[str, str], address: str) -> str:
    """What the demo says of them."""
    listed = "".join(f"  {NAMES[kind]} at {url}\n" for kind, url in urls.items())
    return (
        f"\nSimulated carriers are connected; their numbers are searched and sold beside the demo's own:\n\n{listed}"
        "\nSome of theirs, to search, and to buy like the one above:\n\n"
        f'curl -H "X-Api-Key: $KEY" "{address}/api/v1/phone-numbers/available-numbers/US/?area_code=212"\n'
        "\nMagic numbers that go wrong in every way a carrier can are in docs/carrier-sim.md.\n"
    )


def _rule(services: Services, carrier: str) -> PriceRule:
    """A fifth more than the cost, rounded up to a cent."""
    return PriceRule(
        services.new_id("prl"), carrier, "", "", "", "USD", None, _INBOUND, _OUTBOUND, None, _MARGIN, None, _CENT,
        services.now(),
    )  # fmt: skip
