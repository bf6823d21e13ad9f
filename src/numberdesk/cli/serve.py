"""`serve` and `worker`: the commands that keep running.

Touches: environment, network, threads.
"""

from __future__ import annotations

import ipaddress
import signal
import socket
import sys
import threading
from typing import Annotated, Any, cast

import typer

from numberdesk import worker
from numberdesk.accounts.store import list_accounts
from numberdesk.catalog.store import count_inventory
from numberdesk.cli.demo import ACCOUNT_NAME, DATABASE_URL, NUMBER, prepare_demo
from numberdesk.cli.output import USAGE, fail, note, reported
from numberdesk.core.money import format_micros
from numberdesk.infra import log
from numberdesk.infra.settings import Settings, load_settings
from numberdesk.ledger.store import find_wallet
from numberdesk.wiring import Services, build


def serve(
    demo: Annotated[bool, typer.Option("--demo", help="Serve a filled demo database, on loopback only")] = False,  # noqa: FBT002
    host: Annotated[str | None, typer.Option(help="Address to listen on")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one")] = None,
) -> None:
    """Serve the API, with the worker beside it, until SIGTERM or SIGINT."""
    with reported():
        settings = _settings(demo=demo, host=host, port=port)
        log.configure(settings.log_level)
        with _bound(settings) as sock:
            running = build(settings)
            try:
                address = _address(sock)
                if demo:
                    _print_demo(running, prepare_demo(running), address)
                else:
                    _print_welcome(running, address)
                _serve(running, sock)
            finally:
                running.close()


def work() -> None:
    """Do only the background work, until SIGTERM or SIGINT."""
    with reported():
        settings = load_settings()
        log.configure(settings.log_level)
        running = build(settings)
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        running.writer.start()
        end = worker.start(running)
        note("numberdesk: the worker runs")
        try:
            stopped.wait()
        finally:
            end()
            running.close()


def _serve(running: Services, sock: socket.socket) -> None:
    from numberdesk.api.app import build_app  # noqa: PLC0415  other commands start without the web framework
    from numberdesk.api.server import Limits  # noqa: PLC0415  the same
    from numberdesk.api.server import serve as serve_on  # noqa: PLC0415  the same

    running.writer.start()
    end_work = worker.start(running)
    try:
        limits = Limits(receive_seconds=running.settings.receive_timeout_seconds)
        serve_on(cast("Any", build_app(running)), sock, new_id=lambda: running.new_id("req"), limits=limits)
    finally:
        end_work()


def _settings(*, demo: bool, host: str | None, port: int | None) -> Settings:
    given: dict[str, Any] = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    settings = load_settings(**given)
    if not demo:
        return settings
    if not _is_loopback(settings.host):
        fail("--demo listens on loopback only, like 127.0.0.1", USAGE)
    return (
        settings if "database_url" in settings.model_fields_set else load_settings(**given, database_url=DATABASE_URL)
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bound(settings: Settings) -> socket.socket:
    from numberdesk.api.server import bind  # noqa: PLC0415  as below

    try:
        return bind(settings.host, settings.port)
    except OSError as error:
        fail(f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}")


def _address(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _print_demo(running: Services, key: str, address: str) -> None:
    account = running.reader.read_now(lambda tx: list_accounts(tx, after_id=None, limit=1))[0]
    wallet = running.reader.read_now(lambda tx: find_wallet(tx, account.id))
    balance = format_micros(wallet.posted) if wallet else "0"
    _say(
        f"Numberdesk demo on {address}, API reference at {address}/docs\n"
        f"Account {ACCOUNT_NAME} ({account.id}) has {balance} USD. Its key: {key}\n\n"
        "Buy a number:\n\n"
        f"curl -X POST {address}/api/v1/phone-numbers/buy/ \\\n"
        f'  -H "X-Api-Key: {key}" -H "Content-Type: application/json" \\\n'
        f'  -d \'{{"phone_number": "{NUMBER}", "price": 1.15,\n'
        '       "per_minute_price_inbound": 0.0085, "per_minute_price_outbound": 0.0945}\'\n\n'
        "Others are listed at:\n\n"
        f'curl -H "X-Api-Key: {key}" {address}/api/v1/phone-numbers/available-numbers/US/\n'
    )


def _print_welcome(running: Services, address: str) -> None:
    _say(f"Numberdesk on {address}, API reference at {address}/docs")
    if not running.reader.read_now(lambda tx: list_accounts(tx, after_id=None, limit=1)):
        _say(
            "\nThere is no account yet. In another terminal, with the same NUMBERDESK_DATABASE_URL:\n\n"
            '  numberdesk accounts create "First customer" --currency USD\n'
            '  numberdesk keys create "First customer"\n'
            '  numberdesk wallet top-up "First customer" 100\n'
        )
    if not running.reader.read_now(count_inventory):
        _say(
            "There is no number to sell yet. Put your numbers into a CSV file and:\n\n"
            "  numberdesk inventory import FILE.csv\n"
        )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
