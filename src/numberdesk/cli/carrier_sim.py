"""`carrier-sim`: carriers to try things with, without an account at one.

Touches: environment, files.
"""

from __future__ import annotations

import ipaddress
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from numberdesk.cli.output import USAGE, fail, reported
from numberdesk.cli.signals import stop_on_signals
from numberdesk.infra import log

_TEXT: Final = """Carrier mock on {url}
It has {numbers} numbers, and charges nobody. Any account and any password or key but "wrong" will do.

Search at Twilio, then buy a number:

curl -u {sid}:secret \\
  "{url}/2010-04-01/Accounts/{sid}/AvailablePhoneNumbers/US/Local.json?AreaCode={area_code}&PageSize=3"
curl -u {sid}:secret {url}/2010-04-01/Accounts/{sid}/IncomingPhoneNumbers.json \\
  -d PhoneNumber=%2B{first} -d FriendlyName=my-order

Search at Telnyx, which sells only what was searched for, then order it:

curl -g -H "Authorization: Bearer secret" \\
  "{url}/v2/available_phone_numbers?filter[country_code]=US&filter[phone_number][starts_with]={national}"
curl -H "Authorization: Bearer secret" -H "Content-Type: application/json" {url}/v2/number_orders \\
  -d '{{"phone_numbers": [{{"phone_number": "+{second}"}}], "customer_reference": "my-order"}}'

What was bought, and a fault for the next order: it is bought, and the answer never comes:

curl {url}/control/purchases
curl {url}/control/faults -d '{{"fault": "silence", "operation": "order"}}'
"""
_SID: Final = "AC" + "0" * 32


def carrier_sim(
    host: Annotated[str, typer.Option(help="Loopback address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one")] = 9000,
    seed: Annotated[int, typer.Option(min=0, help="Which numbers there are")] = 1,
    numbers: Annotated[int, typer.Option(min=1, max=500_000, help="How many numbers there are")] = 5000,
    state: Annotated[Path | None, typer.Option(help="File that keeps what was bought")] = None,
    lag: Annotated[float, typer.Option(min=0, help="Seconds until lists show what was bought")] = 0.0,
    delay: Annotated[float, typer.Option(min=0, help="Seconds until an order at Telnyx is done")] = 1.0,
) -> None:
    """Simulate the number APIs of Twilio and Telnyx, on loopback only, until SIGTERM or SIGINT."""
    from carrier_mock.journal import JournalError  # noqa: PLC0415  other commands start without it
    from carrier_mock.running import Config, running  # noqa: PLC0415  the same

    if not _is_loopback(host):
        fail("carrier-sim listens on loopback only, like 127.0.0.1: it lets everybody in", USAGE)
    log.configure("info")
    told = stop_on_signals()
    config = Config(host, port, seed, numbers, state, lag, delay)
    with reported():
        try:
            with running(config) as mock:
                sys.stdout.write(_text(mock.url, numbers, mock.examples))
                sys.stdout.flush()
                told.wait()
        except JournalError as error:
            fail(str(error))
        except OSError as error:
            fail(f"cannot listen on {host}:{port}: {error.strerror or error}")


def _text(url: str, numbers: int, examples: tuple[str, str]) -> str:
    first, second = (e164.removeprefix("+") for e164 in examples)
    return _TEXT.format(
        url=url, numbers=numbers, sid=_SID, first=first, second=second, area_code=first[1:4], national=second[1:]
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
