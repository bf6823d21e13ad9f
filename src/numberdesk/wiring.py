"""Settings in, services out: the only place that builds objects.

Touches: database, clock, randomness.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Final

from numberdesk.carriers.clients import CarrierClients, StoredClients
from numberdesk.carriers.port import Carrier, Setup
from numberdesk.carriers.registry import KINDS
from numberdesk.catalog.model import ListingChunk, SavedChunk
from numberdesk.connections.livekit import LiveKitTrunks
from numberdesk.connections.prober import ConnectionTests
from numberdesk.core.carrier_order import SCHEDULE
from numberdesk.core.errors import NumberdeskError
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.purchase import Buy, Decision
from numberdesk.core.rent import RentTerms
from numberdesk.core.rental import Rental
from numberdesk.core.schedule import Schedule
from numberdesk.flows.accounts.note_actions import note_actions
from numberdesk.flows.agree_on_time import AgreedClock
from numberdesk.flows.carriers.audit_carriers import CarrierAuditor
from numberdesk.flows.carriers.report_failing import FailingReports
from numberdesk.flows.catalog.import_inventory import save_listings
from numberdesk.flows.catalog.reprice import Reprice, Repriced, reprice
from numberdesk.flows.catalog.search_offers import OfferSearch
from numberdesk.flows.changed_states import STATES
from numberdesk.flows.purchase.open_orders import open_orders
from numberdesk.flows.purchase.place_orders import Placement, spawn_here
from numberdesk.flows.purchase.settle_orders import settle_orders
from numberdesk.flows.rentals.release_numbers import Release, release_numbers
from numberdesk.flows.rentals.renew_rentals import Renew, renew_rentals
from numberdesk.flows.rentals.rent_records import parse_reminders
from numberdesk.flows.rentals.take_back_numbers import TakeBack, take_back_numbers
from numberdesk.flows.usage.feed_calls import FeedDesk
from numberdesk.flows.usage.hold_sessions import ExtendFlow, OpenFlow, extend_sessions, open_sessions
from numberdesk.flows.usage.pull_calls import CallPuller
from numberdesk.flows.webhooks.sequence_events import SequenceFlow, sequence_events
from numberdesk.flows.webhooks.try_webhook import WebhookTests
from numberdesk.infra import clock
from numberdesk.infra.clock import ProcessTime
from numberdesk.infra.db import Database, Tx
from numberdesk.infra.egress import Egress, parse_networks, parse_ports
from numberdesk.infra.http import Http
from numberdesk.infra.observer import NOBODY, Observer
from numberdesk.infra.reader import Reader, ReadLimits
from numberdesk.infra.settings import Settings, SettingsError
from numberdesk.infra.vault import Vault
from numberdesk.infra.writer import Writer, no_failpoint
from numberdesk.migrations import HEAD, current, prepare, upgrade
from numberdesk.webhooks.sender import WebhookSender

MINUTE: Final = 60 * MICROSECONDS
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
_IMPORT_CONNECTIONS: Final = 2
"""For imports over HTTP, which read in threads of their own: so many run at a time."""

_METRICS_CONNECTIONS: Final = 1


@dataclass(frozen=True, slots=True)
class Services:
    """All that an entry point needs.

    `now`, `time`, `new_id` and `random_bytes` are the only sources of chance and time.
    """

    settings: Settings
    database: Database
    observer: Observer
    writer: Writer
    reader: Reader
    now: Callable[[], int]
    new_id: Callable[[str], str]
    random_bytes: Callable[[int], bytes]
    failpoint: Callable[[str], None]
    open_orders: Callable[[Tx, Sequence[Buy]], list[Decision]]
    release_numbers: Callable[[Tx, Sequence[Release]], list[Rental | NumberdeskError]]
    take_back: Callable[[Tx, Sequence[TakeBack]], list[Rental | NumberdeskError]]
    save_listings: Callable[[Tx, Sequence[ListingChunk]], list[SavedChunk]]
    reprice: Callable[[Tx, Sequence[Reprice]], list[Repriced]]
    renew_rentals: Renew
    rent_terms: RentTerms
    open_sessions: OpenFlow
    extend_sessions: ExtendFlow
    vault: Vault
    egress: Egress
    carriers: CarrierClients
    placement: Placement
    time: ProcessTime
    agreed_clock: AgreedClock
    offer_search: OfferSearch
    audit: CarrierAuditor
    sequence_events: SequenceFlow
    webhooks: WebhookSender
    webhook_tests: WebhookTests
    connection_tests: ConnectionTests
    trunks: LiveKitTrunks
    feed_desk: FeedDesk
    call_puller: CallPuller

    @property
    def order_patience(self) -> int:
        """How long a customer is taken to wait for an order that its carrier has not answered, in microseconds."""
        return self.settings.order_patience_minutes * MINUTE

    @property
    def quote_lifetime(self) -> int:
        """How long a superseded price is honoured, in microseconds."""
        return self.settings.quote_lifetime_seconds * MICROSECONDS

    async def hang_up(self, seconds: float = 0.0) -> None:
        """Let orders that are on their way to carriers finish for so long, then end this event loop's connections."""
        await self.placement.close(seconds)
        await self.offer_search.close()
        await self.carriers.close()
        await self.webhooks.close()
        await self.connection_tests.close()
        await self.trunks.close()

    def close(self) -> None:
        """Finish what was accepted and close everything, in that order."""
        self.writer.close()
        self.reader.close()
        self.database.close()
        self.observer.close()


def build_carrier(kind: str, setup: Setup, http: Http) -> Carrier:
    """The adapter for an account at a carrier."""
    return KINDS[kind].build(setup, http)


def open_database(settings: Settings, lock_seconds: float) -> Database:
    """Open the database; an empty one gets its schema. Raises DatabaseError when it cannot be used as it is."""
    return _opened(settings, lock_seconds, makes=True)


def open_made_database(settings: Settings, lock_seconds: float) -> Database:
    """Open a database that somebody made before, and make none. Raises DatabaseError as open_database, and for none."""
    return _opened(settings, lock_seconds, makes=False)


def _opened(settings: Settings, lock_seconds: float, *, makes: bool) -> Database:
    database = Database(
        settings.database_url,
        makes_file=makes,
        read_connections=settings.read_threads + settings.look_up_threads + _IMPORT_CONNECTIONS + _METRICS_CONNECTIONS,
        busy_seconds=lock_seconds,
        resolve_seconds=settings.answer_timeout_seconds,
    )
    prepare(database, makes_schema=makes)
    return database


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What services are built of beside their settings. The defaults are the real parts; a simulation gives its own.

    `now` and `seconds` are the two clocks: microseconds since 1970, and seconds that only go forward. `failpoint` is
    told each point that a batch, a purchase, an order or due work passes (FAILPOINTS of writer, buy_number,
    place_orders and due_work), where a test may end the process. `spawn` begins the story of an order on its way to a
    carrier, `order_schedule` says when one that is open is looked up.
    """

    now: Callable[[], int] = clock.now
    seconds: Callable[[], float] = time.monotonic
    new_id: Callable[[str], str] = clock.new_id
    random_bytes: Callable[[int], bytes] = clock.random_bytes
    failpoint: Callable[[str], None] = no_failpoint
    spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]] = spawn_here
    order_schedule: Schedule = SCHEDULE
    open_database: Callable[[Settings, float], Database] = open_database
    build_carrier: Callable[[str, Setup, Http], Carrier] = build_carrier
    trunks: Callable[..., LiveKitTrunks] = LiveKitTrunks
    writer: Callable[..., Writer] = Writer
    placement: Callable[..., Placement] = Placement
    open_orders: Callable[[int, int], Callable[[Tx, Sequence[Buy]], list[Decision]]] = open_orders
    release_numbers: Callable[[int, RentTerms], Callable[[Tx, Sequence[Release]], list[Rental | NumberdeskError]]] = (
        release_numbers
    )
    save_listings: Callable[[Callable[[], int]], Callable[[Tx, Sequence[ListingChunk]], list[SavedChunk]]] = (
        save_listings
    )
    reprice: Callable[[Callable[[], int]], Callable[[Tx, Sequence[Reprice]], list[Repriced]]] = reprice

    @property
    def of_placement(self) -> dict[str, Any]:
        """What a placement is built of beside what it shares with others."""
        return {"failpoint": self.failpoint, "spawn": self.spawn, "schedule": self.order_schedule}


REAL: Final = Parts()
"""The parts of a service that serves."""

OF_COMMANDS: Final = Parts(open_database=open_made_database)
"""The parts of what works on a database that is there: a command that was told the wrong place makes no other one."""


def build(settings: Settings, parts: Parts = REAL, *, lock_seconds: float = 2.0) -> Services:
    """Open the database and build the services; the writer is not started.

    `lock_seconds` is how long a write waits for one of another process on SQLite. Raises DatabaseError when the
    database cannot be used as it is.
    """
    now = parts.now
    process_time = ProcessTime(parts.new_id("prc"), parts.seconds)
    database = parts.open_database(settings, lock_seconds)
    observer = _observer(settings)
    writer = _writer(settings, parts, database, lock_seconds, observer)
    reader = Reader(database, _read_limits(settings))
    agreed_clock = AgreedClock(writer, now, process_time)
    quote_lifetime = settings.quote_lifetime_seconds * MICROSECONDS
    terms = _rent_terms(settings)
    release_delay = settings.rent_release_delay_hours * HOUR
    vault = Vault(settings.credentials_key.get_secret_value())
    egress = Egress(parse_networks(settings.egress_allow), parse_ports(settings.egress_ports))
    carriers = _carriers(parts, writer, reader, (vault, egress), observer)
    trunks = parts.trunks(now, egress=egress)
    webhooks = WebhookSender(vault, now, egress=egress)
    return Services(
        settings=settings,
        database=database,
        observer=observer,
        writer=writer,
        reader=reader,
        now=now,
        new_id=parts.new_id,
        random_bytes=parts.random_bytes,
        failpoint=parts.failpoint,
        open_orders=parts.open_orders(quote_lifetime, settings.order_patience_minutes * MINUTE),
        release_numbers=parts.release_numbers(settings.quarantine_days * DAY, terms),
        save_listings=parts.save_listings(now),
        reprice=parts.reprice(now),
        take_back=take_back_numbers(release_numbers(settings.quarantine_days * DAY, terms, release_delay)),
        renew_rentals=renew_rentals(terms, settings.quarantine_days * DAY, release_delay),
        rent_terms=terms,
        open_sessions=open_sessions(settings.usage_session_seconds),
        extend_sessions=extend_sessions(settings.usage_session_seconds),
        vault=vault,
        egress=egress,
        carriers=carriers,
        placement=parts.placement(
            writer, reader, carriers, settle_orders, now=now, time=process_time, **parts.of_placement
        ),
        time=process_time,
        agreed_clock=agreed_clock,
        offer_search=_offer_search(settings, parts, writer, reader, carriers),
        audit=_auditor(settings, writer, reader, carriers, now),
        sequence_events=sequence_events(parts.new_id),
        webhooks=webhooks,
        webhook_tests=WebhookTests(webhooks),
        connection_tests=ConnectionTests(lambda: parts.random_bytes(16).hex(), egress=egress, trunks=trunks),
        trunks=trunks,
        feed_desk=FeedDesk(writer, reader, parts.new_id, settings.usage_parked_most),
        call_puller=_call_puller(settings, parts, writer, reader, carriers, agreed_clock),
    )


def _auditor(
    settings: Settings, writer: Writer, reader: Reader, carriers: StoredClients, now: Callable[[], int]
) -> CarrierAuditor:
    every, quarantine = settings.audit_hours * HOUR, settings.quarantine_days * DAY
    return CarrierAuditor(writer, reader, carriers, now, every=every, quarantine=quarantine)


def _carriers(
    parts: Parts, writer: Writer, reader: Reader, guards: tuple[Vault, Egress], observer: Observer
) -> StoredClients:
    vault, egress = guards
    failing = FailingReports(writer, parts.now)
    return StoredClients(
        reader, vault, parts.build_carrier, seconds=parts.seconds, egress=egress, observer=observer, on_failing=failing
    )


def _call_puller(
    settings: Settings,
    parts: Parts,
    writer: Writer,
    reader: Reader,
    carriers: CarrierClients,
    agreed_clock: AgreedClock,
) -> CallPuller:
    return CallPuller(
        writer,
        reader,
        carriers,
        parts.now,
        parts.new_id,
        every=settings.usage_pull_minutes * MINUTE,
        past=agreed_clock.lately_past,
    )


def _offer_search(
    settings: Settings, parts: Parts, writer: Writer, reader: Reader, carriers: CarrierClients
) -> OfferSearch:
    return OfferSearch(
        writer,
        reader,
        carriers,
        deadline=settings.search_deadline_seconds,
        quote_lifetime=settings.quote_lifetime_seconds * MICROSECONDS,
        now=parts.now,
        seconds=parts.seconds,
    )


def _observer(settings: Settings) -> Observer:
    observer = NOBODY
    if settings.metrics_port:
        from numberdesk.infra.metrics import Metrics  # noqa: PLC0415  commands do without it

        observer = Metrics()
    if settings.tracing:
        try:
            from numberdesk.infra.tracing import Tracing  # noqa: PLC0415  an extra, which few install
        except ModuleNotFoundError:
            raise SettingsError("NUMBERDESK_TRACING needs the extra: pip install 'numberdesk[otel]'") from None
        observer = Tracing(observer)
    return observer


def _writer(settings: Settings, parts: Parts, database: Database, lock_seconds: float, observer: Observer) -> Writer:
    patience = settings.answer_timeout_seconds
    return parts.writer(
        database,
        queue_limit=settings.queue_limit,
        patience_seconds=patience,
        lock_seconds=min(lock_seconds, patience / 2),
        monotonic=parts.seconds,
        failpoint=parts.failpoint,
        observer=observer,
        attribute=note_actions,
        states=STATES,
    )


def _rent_terms(settings: Settings) -> RentTerms:
    return RentTerms(
        settings.rent_grace_hours * HOUR,
        settings.rent_missed,
        parse_reminders(settings.rent_reminder_days),
        settings.rent_notice_days,
        settings.rent_proration,
    )


def _read_limits(settings: Settings) -> ReadLimits:
    return ReadLimits(
        threads=settings.read_threads,
        account_reads=settings.account_reads,
        account_waiting=settings.account_reads_waiting,
        look_up_threads=settings.look_up_threads,
        wait_seconds=settings.answer_timeout_seconds,
        read_seconds=settings.read_timeout_seconds,
    )


def console_address(settings: Settings) -> str:
    """Where browsers reach the console, without a slash at the end."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return settings.public_url or f"http://{host}:{settings.port}"


def migrate(settings: Settings) -> tuple[str | None, list[str]]:
    """Bring the database to this program's schema; return the revision it is at, and what the operator is to know."""
    database = Database(settings.database_url)
    try:
        told = upgrade(database)
        return current(database), told
    finally:
        database.close()


def revision_of(settings: Settings) -> tuple[str | None, str]:
    """The revisions of the database, None when it is empty, and of this program. Raises DatabaseError for none."""
    database = Database(settings.database_url, makes_file=False)
    try:
        return current(database), HEAD
    finally:
        database.close()
