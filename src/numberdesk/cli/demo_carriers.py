"""Simulated carriers for the demo: a Twilio and a Telnyx in this process, connected and priced.

Touches: files.
"""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from numberdesk.carriers.port import Setup
from numberdesk.carriers.store import find_carriers_named
from numberdesk.catalog.rule_store import list_price_rules
from numberdesk.catalog.rules import PriceRule
from numberdesk.core.lifecycle import CarrierState
from numberdesk.flows.carriers.connect_carriers import CarrierSetup, set_up_carriers
from numberdesk.flows.catalog.set_price_rules import set_price_rules
from numberdesk.infra.private_file import create_private
from numberdesk.infra.settings import Settings
from numberdesk.infra.vault import new_key
from numberdesk.wiring import Services

NAMES: Final = {"twilio": "twilio-demo", "telnyx": "telnyx-demo"}
"""The kinds of carriers that are simulated, and what their accounts are called."""

_CREDENTIALS: Final = {
    "twilio": {"account_sid": "AC" + "0" * 31 + "1", "auth_token": "a-simulated-token"},
    "telnyx": {"api_key": "a-simulated-key"},
}
ACCOUNT_NAMES: Final = frozenset({"AC" + "0" * 31 + "1", "a-simulated-key"})
"""What the carriers call our accounts there."""

PATIENCE: Final = {"order_seconds": "3", "read_seconds": "3", "window_seconds": "8"}
"""Fields of carriers, short enough for somebody who watches an order being looked for."""

_MARGIN: Final = 200_000
_OUTBOUND: Final = 20_000
_INBOUND: Final = 10_000
_CENT: Final = 10_000


_LISTENS: Final = "127.0.0.1"
SQLITE: Final = "sqlite:///"


def demo_settings(settings: Settings) -> Settings:
    """What was set, and what the demo needs for its carriers; calls are read so often that one may wait for it."""
    own: dict[str, Any] = {"credentials_key": key_of(settings), "egress_allow": egress_of(settings)}
    if "usage_pull_minutes" not in settings.model_fields_set:
        own["usage_pull_minutes"] = 1
    return settings.model_copy(update=own)


def key_of(settings: Settings) -> SecretStr:
    """The key for credentials that was set, else one of the demo's own, kept so that commands beside it can have it."""
    if settings.credentials_key.get_secret_value():
        return settings.credentials_key
    key = _kept_key(settings)
    if not key:
        file = _key_file(settings)
        file.parent.mkdir(parents=True, exist_ok=True)
        create_private(file)
        key = new_key()
        file.write_text(f"{key}\n")
    return SecretStr(key)


def egress_of(settings: Settings) -> str:
    """What was set of networks that requests may go to, and where the simulated carriers listen."""
    return ",".join(filter(None, (settings.egress_allow, _LISTENS)))


def state_file(settings: Settings) -> Path:
    """Where the simulated carriers keep what they sold: beside the demo's database."""
    return _beside(settings, ".carriers.jsonl")


def _key_file(settings: Settings) -> Path:
    return _beside(settings, ".credentials-key")


def _kept_key(settings: Settings) -> str:
    file = _key_file(settings)
    return file.read_text().strip() if file.exists() else ""


def _beside(settings: Settings, suffix: str) -> Path:
    url = settings.database_url
    file = url.removeprefix(SQLITE) if url.startswith(SQLITE) else "var/demo.db"
    return Path(file).with_suffix(suffix)


class NoCarriersError(RuntimeError):
    """The simulated carriers cannot run; the text says why."""


@contextlib.contextmanager
def simulated_carriers(state: Path) -> Iterator[dict[str, str]]:
    """Run the mock, which keeps what it sold in the file; give where each kind of carrier is. Raises NoCarriersError.

    Each has the control endpoint, too.
    """
    from carrier_mock.journal import JournalError  # noqa: PLC0415  a server for real starts without it
    from carrier_mock.model import Api  # noqa: PLC0415  the same
    from carrier_mock.running import Config, running  # noqa: PLC0415  the same

    state.parent.mkdir(parents=True, exist_ok=True)
    try:
        with running(Config(state=state)) as mock:
            yield {kind: mock.url_of(Api(kind)) for kind in NAMES}
    except JournalError as error:
        raise NoCarriersError(str(error)) from None


def connect(services: Services, urls: dict[str, str], patience: dict[str, str] = PATIENCE) -> None:
    """Connect the simulated carriers where they are now, and price their numbers once."""
    for kind, name in NAMES.items():
        values = {**_CREDENTIALS[kind], **patience, "base_url": urls[kind]}
        setup = CarrierSetup(name, kind, Setup(values), CarrierState.ACTIVE, services.now())
        services.writer.apply(
            set_up_carriers(services.vault, services.egress), setup
        )  # active: a plain demo may have run meanwhile
        if not services.reader.read_now(lambda tx, name=name: list_price_rules(tx, name, limit=1)):  # type: ignore[misc]  # binds the loop's name
            services.writer.apply(set_price_rules, _rule(services, name))
    services.carriers.forget()


def disable(services: Services) -> None:
    """Ask and offer nothing of simulated carriers that an earlier demo connected: nobody simulates them now."""
    for name in services.reader.read_now(lambda tx: find_carriers_named(tx, NAMES.values())):
        command = CarrierSetup(name, None, Setup({}), CarrierState.DISABLED, services.now())
        services.writer.apply(set_up_carriers(services.vault, services.egress), command)


def text(urls: dict[str, str], address: str, key: str, settings: Settings) -> str:
    """What the demo says of them. `key` is its account's, `settings` are those it runs with."""
    listed = "".join(f"  {NAMES[kind]} at {url}\n" for kind, url in urls.items())
    return (
        f"\nSimulated carriers are connected; their numbers are searched and sold beside the demo's own:\n\n{listed}"
        "\nSome of theirs, to search, and to buy like the one above:\n\n"
        f'curl -H "X-Api-Key: {key}" "{address}/api/v1/phone-numbers/available-numbers/US/?area_code=212"\n'
        "\nCommands work beside it, in another terminal and the same directory:\n\n"
        f"{_exports(settings)}"
        "  numberdesk carriers check\n"
        "  numberdesk carriers audit\n"
        "\nMagic numbers that go wrong in every way a carrier can are in docs/carrier-sim.md.\n"
    )


def _exports(settings: Settings) -> str:
    """The settings that the demo chose. One that a person set is known to that person, and may hold a secret."""
    chosen = {}
    if settings.database_url.startswith(SQLITE):
        chosen["NUMBERDESK_DATABASE_URL"] = settings.database_url
    if settings.credentials_key.get_secret_value() == _kept_key(settings):
        chosen["NUMBERDESK_CREDENTIALS_KEY"] = settings.credentials_key.get_secret_value()
    chosen["NUMBERDESK_EGRESS_ALLOW"] = settings.egress_allow
    return "".join(f"  export {name}={shlex.quote(value)}\n" for name, value in chosen.items())


def _rule(services: Services, carrier: str) -> PriceRule:
    """A fifth more than the cost, rounded up to a cent."""
    return PriceRule(
        services.new_id("prl"), carrier, "", "", "", "USD", None, _INBOUND, _OUTBOUND, None, _MARGIN, None, _CENT,
        services.now(),
    )  # fmt: skip
