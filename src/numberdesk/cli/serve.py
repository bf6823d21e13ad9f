"""`serve` and `worker`: the commands that keep running.

Touches: environment, network.
"""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from numberdesk import worker
from numberdesk.accounts.store import list_accounts
from numberdesk.carriers.store import list_carriers
from numberdesk.catalog.search import Offer
from numberdesk.catalog.store import has_inventory
from numberdesk.cli import demo_carriers, processes
from numberdesk.cli.demo import ACCOUNT_NAME, DATABASE_URL, begin_anew, number_for_sale, prepare_demo
from numberdesk.cli.demo_console import sign_in_text
from numberdesk.cli.metrics import metrics_served
from numberdesk.cli.output import REFUSED, USAGE, fail, note, reported
from numberdesk.cli.session import read_settings
from numberdesk.cli.signals import StopSignal, stop_on_signals
from numberdesk.core.lifecycle import CarrierState
from numberdesk.core.money import format_micros
from numberdesk.core.purchase import Wallet
from numberdesk.core.statement import month_of
from numberdesk.infra import log
from numberdesk.infra.serve_lock import only_server
from numberdesk.infra.settings import Settings, load_settings
from numberdesk.infra.vault import VaultError
from numberdesk.ledger.store import find_wallet
from numberdesk.wiring import OF_COMMANDS, Parts, Services, build

if TYPE_CHECKING:
    from numberdesk.cli.demo_rehearsal import DemoStage


def serve(
    demo: Annotated[bool, typer.Option("--demo", help="Serve a filled demo database, on loopback only")] = False,  # noqa: FBT002
    host: Annotated[str | None, typer.Option(help="Address to listen on")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes; more than one on PostgreSQL")] = None,
    carriers: Annotated[bool, typer.Option("--carriers", help="With --demo: simulated carriers, too")] = False,  # noqa: FBT002
    fresh: Annotated[bool, typer.Option("--fresh", help="With --demo: begin anew, without what was bought")] = False,  # noqa: FBT002
) -> None:
    """Serve the API, with the worker beside it, until SIGTERM or SIGINT."""
    with reported():
        if carriers and not demo:
            fail("--carriers simulates carriers for --demo; connect real ones with numberdesk carriers add", USAGE)
        if fresh and not demo:
            fail("--fresh begins the demo of --demo anew; there is nothing to do it to", USAGE)
        settings = _settings(demo=demo, host=host, port=port, workers=workers)
        log.configure(settings.log_level, settings.log_format)
        with _bound(settings) as sock:
            if fresh:
                begin_anew(settings)
            if demo:
                _serve_demo(settings, sock, carriers=carriers)
            elif settings.workers == 1:
                _serve_alone(settings, sock)
            else:
                _serve_by_several(settings, sock)


def work() -> None:
    """Do only the background work, until SIGTERM or SIGINT."""
    with reported():
        settings = read_settings()
        log.configure(settings.log_level, settings.log_format)
        running = build(settings, OF_COMMANDS)
        stopped = stop_on_signals()
        _warn_of_credentials(running)
        running.writer.start()
        end = worker.start(running)
        note("numberdesk: the worker runs")
        try:
            with metrics_served(running):
                stopped.wait()
        finally:
            end()
            running.close()


def _serve_demo(settings: Settings, sock: socket.socket, *, carriers: bool) -> None:
    """The demo. Carriers to buy from run in this process and end with it: from the beginning, or when it rehearses."""
    from numberdesk.cli.demo_rehearsal import SCHEDULE, DemoStage  # noqa: PLC0415  a server for real starts without it

    keyed = demo_carriers.demo_settings(settings)
    running = build(keyed, Parts(order_schedule=SCHEDULE))
    stage = DemoStage(running)
    try:
        if carriers:
            stage.begin()
        _serve_one(running, sock, lambda address: _demo(running, keyed, address, stage.urls), stage)
    except demo_carriers.NoCarriersError as error:
        fail(str(error))
    finally:
        running.close()
        stage.close()


def _serve_alone(settings: Settings, sock: socket.socket) -> None:
    running = build(settings)
    try:
        _serve_one(running, sock, lambda address: _welcome(running, address))
    finally:
        running.close()


def _serve_one(
    running: Services, sock: socket.socket, welcome: Callable[[str], str], stage: DemoStage | None = None
) -> None:
    with only_server(running.database):
        text = welcome(_address(sock))
        if stage is None:  # a demo has the key that it made, and loads what would try it when it is wanted
            _warn_of_credentials(running)
        told = stop_on_signals()
        _say(text)
        _serve(running, sock, told, stage)


def _serve_by_several(settings: Settings, sock: socket.socket) -> None:
    """Make the database ready once, then let each process open it for itself."""
    from numberdesk.console import site  # noqa: F401, PLC0415  loaded once, for all of them
    from numberdesk.http_server import server  # noqa: F401, PLC0415  loaded once, for all of them

    running = build(settings)
    try:
        text = _welcome(running, _address(sock))
        _warn_of_credentials(running)
    finally:
        running.close()
    ended_well = processes.supervise(
        settings.workers, lambda: _serve_as_one(settings, sock), starting=lambda: _say(text), stopping=sock.close
    )
    if not ended_well:
        raise typer.Exit(REFUSED)


def _serve_as_one(settings: Settings, sock: socket.socket) -> None:
    with reported():
        running = build(settings)
        try:
            _serve(running, sock, stop_on_signals())
        finally:
            running.close()


def _warn_of_credentials(running: Services) -> None:
    """Log which enabled carriers nothing can be bought from: all else goes on, so only customers would notice."""
    accounts = running.reader.read_now(list_carriers)
    for account in accounts:
        try:
            running.vault.open(account.name, account.credentials)
        except VaultError as error:
            if account.state is CarrierState.ACTIVE:
                log.get_log().warning("carrier cannot be used", carrier=account.name, reason=str(error))
    if not accounts and running.settings.credentials_key.get_secret_value():
        try:
            running.vault.seal("a carrier to come", {})
        except VaultError as error:
            log.get_log().warning("carriers cannot be connected", reason=str(error))


def _serve(running: Services, sock: socket.socket, told: StopSignal, stage: DemoStage | None = None) -> None:
    with metrics_served(running):
        _serve_and_work(running, sock, told, stage)


def _serve_and_work(running: Services, sock: socket.socket, told: StopSignal, stage: DemoStage | None) -> None:
    from numberdesk.console.site import build_site  # noqa: PLC0415  other commands start without the web framework
    from numberdesk.http_server.server import Limits  # noqa: PLC0415  the same
    from numberdesk.http_server.server import serve as serve_on  # noqa: PLC0415  the same

    running.writer.start()
    end_work = worker.start(running)
    try:
        app = cast("Any", build_site(running, stage))
        settings = running.settings
        limits = Limits(receive_seconds=settings.receive_timeout_seconds, idle_seconds=settings.idle_timeout_seconds)
        serve_on(app, sock, new_id=lambda: running.new_id("req"), limits=limits, told_to_stop=told.is_set)
    finally:
        end_work()


def _settings(*, demo: bool, **options: Any) -> Settings:
    given = {name: value for name, value in options.items() if value is not None}
    settings = read_settings(**given)
    if demo:
        return _demo_settings(settings, given)
    if settings.workers > 1 and settings.database_url.startswith("sqlite"):
        fail(
            "one SQLite file is served by one process: leave --workers out (NUMBERDESK_WORKERS), or take PostgreSQL, "
            "NUMBERDESK_DATABASE_URL=postgresql://..."
        )
    if settings.workers > 1 and not processes.POSSIBLE:
        fail("several processes need fork, which this system does not have: leave --workers out (NUMBERDESK_WORKERS)")
    return settings


def _demo_settings(settings: Settings, given: dict[str, Any]) -> Settings:
    if not _is_loopback(settings.host):
        fail("--demo listens on loopback only, like 127.0.0.1", USAGE)
    if given.get("workers", 1) > 1:
        fail("--demo serves with one process: leave --workers out", USAGE)
    own = {} if "database_url" in settings.model_fields_set else {"database_url": DATABASE_URL}
    return load_settings(**{**given, **own, "workers": 1})


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bound(settings: Settings) -> socket.socket:
    from numberdesk.http_server.server import bind  # noqa: PLC0415  as below

    try:
        return bind(settings.host, settings.port)
    except OSError as error:
        fail(f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}")


def _address(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _demo(running: Services, settings: Settings, address: str, urls: dict[str, str] | None) -> str:
    """Make the demo ready, with or without simulated carriers; what it says."""
    key = prepare_demo(running)
    text = _demo_text(running, key, address)
    if urls is None:
        demo_carriers.disable(running)
        return text
    demo_carriers.connect(running, urls)
    return text + demo_carriers.text(urls, address, key, settings)


def _demo_text(running: Services, key: str, address: str) -> str:
    account = running.reader.read_now(lambda tx: list_accounts(tx, after_id=None, limit=1))[0]
    wallet = running.reader.read_now(lambda tx: find_wallet(tx, account.id))
    balance = format_micros(wallet.posted) if wallet else "0"
    month = month_of(account.created_at).name
    return (
        f"Numberdesk demo on {address}, API reference at {address}/docs\n"
        f"Account {ACCOUNT_NAME} ({account.id}) has {balance} USD. Its key: {key}\n\n"
        f"{sign_in_text(running, key, address)}"
        f"{_line_that_buys(number_for_sale(running), wallet, key, address)}"
        "Others are listed at:\n\n"
        f'curl -H "X-Api-Key: {key}" {address}/api/v1/phone-numbers/available-numbers/US/\n\n'
        "It rents a number that has taken calls for four weeks. Its statement, as a page (or text/csv):\n\n"
        f'curl -H "X-Api-Key: {key}" -H "Accept: text/html" {address}/api/v1/statements/{month}/ > statement.html\n'
    )


def _line_that_buys(offer: Offer | None, wallet: Wallet | None, key: str, address: str) -> str:
    """How to buy a number that is for sale now, at the prices that it has."""
    if offer is None:
        return "All its numbers are sold: `numberdesk serve --demo --fresh` begins anew.\n\n"
    rates = (("per_minute_price_inbound", offer.prices.inbound), ("per_minute_price_outbound", offer.prices.outbound))
    told = ", ".join(f'"{name}": {format_micros(rate)}' for name, rate in rates if rate is not None)
    poor = wallet is None or wallet.available < offer.prices.total
    hint = "The money is spent; `numberdesk serve --demo --fresh` begins anew.\n\n" if poor else ""
    return (
        f"{hint}Buy a number:\n\n"
        f"curl -X POST {address}/api/v1/phone-numbers/buy/ \\\n"
        f'  -H "X-Api-Key: {key}" -H "Content-Type: application/json" \\\n'
        f'  -d \'{{"phone_number": "{offer.e164}", "price": {format_micros(offer.prices.monthly)},\n'
        f"       {told}}}'\n\n"
    )


def _welcome(running: Services, address: str) -> str:
    text = f"Numberdesk on {address}, console at {address}/console/, API reference at {address}/docs"
    if not running.reader.read_now(lambda tx: list_accounts(tx, after_id=None, limit=1)):
        text += (
            "\n\nThere is no account yet. In another terminal, with the same NUMBERDESK_DATABASE_URL:\n\n"
            '  numberdesk accounts create "First customer" --currency USD\n'
            '  numberdesk keys create "First customer"\n'
            '  numberdesk wallet top-up "First customer" 100\n\n'
            "and for yourself a key for the endpoints under /admin:\n\n"
            "  numberdesk operators create Operators\n"
            "  numberdesk keys create Operators\n"
        )
    if not running.reader.read_now(has_inventory) and not _buys_from_carriers(running):
        text += (
            "\nThere is no number to sell yet. Put your numbers into a CSV file and:\n\n"
            "  numberdesk inventory import FILE.csv\n\n"
            "or connect a carrier. Keep the file with the key for its credentials, and start this server with it:\n\n"
            "  numberdesk carriers new-key --file var/credentials-key\n"
            "  export NUMBERDESK_CREDENTIALS_KEY_FILE=var/credentials-key\n"
            "  numberdesk carriers add twilio twilio --set account_sid=...\n"
            "  numberdesk prices set --carrier twilio --currency USD --margin-percent 20\n"
        )
    return text


def _buys_from_carriers(running: Services) -> bool:
    return any(account.state is CarrierState.ACTIVE for account in running.reader.read_now(list_carriers))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
