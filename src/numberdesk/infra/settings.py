"""Settings: from the environment with the prefix NUMBERDESK_, or from a TOML file.

Touches: environment, files.

The environment wins over the file, which is `numberdesk.toml` in the working folder or what
NUMBERDESK_CONFIG names. docs/settings.md lists every setting and a test compares.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from numberdesk.core.rental import MissedRule, Proration
from numberdesk.infra.egress import parse_networks, parse_ports

_CONFIG = "NUMBERDESK_CONFIG"
DEFAULT_DATABASE_URL = "sqlite:///var/numberdesk.db"


_MOST_SECRET_BYTES = 65_536
_IN_FILES = ("database_url", "credentials_key", "metrics_token")
_PASSWORD = re.compile(r"(://[^:@/]*:|[?&]password=)[^@&]*")
_LONGEST_REMINDER = 7


def parse_proxies(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Networks of proxies, separated by commas. Raises ValueError."""
    found = []
    for each in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(ip_network(each))
        except ValueError:
            raise ValueError(f"{each!r} is no network like 10.1.0.0/16, nor an address") from None
    return tuple(found)


class SettingsError(ValueError):
    """A setting is wrong; the text names it and says why."""


class Settings(BaseSettings):
    """Everything an operator can set. Units stand in the names or descriptions."""

    model_config = SettingsConfigDict(env_prefix="NUMBERDESK_", extra="forbid", frozen=True)

    database_url: str = Field(DEFAULT_DATABASE_URL, description="Where the books are: sqlite:///file or postgresql://")
    database_url_file: str = Field("", description="File that holds the URL, in place of database_url")
    host: str = Field("127.0.0.1", description="Address that the API listens on")
    port: int = Field(8000, ge=0, le=65535, description="Port that the API listens on; 0 lets the system choose")
    public_url: str = Field(
        "",
        description="Address at which browsers reach the service, like https://numbers.example.com; empty is its own",
    )
    trusted_proxies: str = Field(
        "", description="Networks of proxies whose X-Forwarded-For tells where clients are, comma separated"
    )
    workers: int = Field(1, ge=1, le=64, description="Processes that serve; more than one on PostgreSQL only")
    cors_origins: str = Field("*", description="Origins that browsers may call from, comma separated; * is any")
    rate_limit: float = Field(0, ge=0, le=1e6, description="Requests per second and key; 0 is off")
    quote_lifetime_seconds: int = Field(
        600, ge=0, le=86_400, description="How long a superseded price is still honoured"
    )
    quarantine_days: int = Field(30, ge=0, le=3650, description="Rest of a released number before it is sold again")
    key_retention_hours: int = Field(
        168, ge=24, le=87_600, description="How long answers are kept under an Idempotency-Key"
    )
    event_retention_days: int = Field(
        90, ge=7, le=3650, description="How long events and what is known of their deliveries are kept"
    )
    action_retention_days: int = Field(400, ge=7, le=3650, description="How long it is kept who changed what")
    body_limit_bytes: int = Field(65_536, ge=1024, le=16_777_216, description="Largest JSON body")
    import_limit_bytes: int = Field(
        268_435_456, ge=1024, le=17_179_869_184, description="Largest inventory file over HTTP"
    )
    usage_limit_bytes: int = Field(
        8_388_608, ge=1024, le=268_435_456, description="Largest body of call records, unpacked"
    )
    usage_pull_minutes: int = Field(
        60, ge=0, le=1440, description="Minutes between readings of carriers' lists of calls; 0 reads none"
    )
    usage_parked_most: int = Field(
        10_000, ge=0, le=1_000_000, description="Call records of a customer's own that may wait for a person"
    )
    usage_detail_days: int = Field(
        400, ge=0, le=36_500, description="Days after which the other party of a call is erased; 0 is never"
    )
    receive_timeout_seconds: float = Field(
        10, gt=0, le=3600, description="Time for the headers and body of a request to arrive"
    )
    idle_timeout_seconds: int = Field(
        75, ge=1, le=3600, description="How long a connection is kept open between two requests"
    )
    answer_timeout_seconds: float = Field(
        4, gt=0, le=60, description="Longest wait for the writer before 503 overloaded"
    )
    search_deadline_seconds: float = Field(
        2.5, gt=0, le=30, description="Longest a search takes; the page is incomplete where a carrier is silent by then"
    )
    usage_session_seconds: int = Field(
        60, ge=1, le=3600, description="Seconds of a call that a session holds money for at a time"
    )
    rent_grace_hours: int = Field(
        48, ge=0, le=8760, description="How long a number is kept whose rent the wallet does not cover"
    )
    rent_reminder_days: str = Field(
        "7,1", description="Days before a period, from 1 to 7, at which a wallet that would not cover it is told of"
    )
    rent_missed: MissedRule = Field(
        MissedRule.CHARGED, description="What is done with periods that went by while no service ran"
    )
    rent_proration: Proration = Field(
        Proration.NONE,
        description="What is given back of a paid period when a number is released: nothing, or what is left",
    )
    rent_release_delay_hours: int = Field(
        72, ge=0, le=168, description="After how long a carrier is told of a number that was not paid, or taken back"
    )
    rent_notice_days: int = Field(30, ge=0, le=3650, description="How long before they hold new prices are announced")
    suspend_after_debt_days: int = Field(
        0, ge=0, le=3650, description="Days after which an account that owes may not buy any more; 0 is off"
    )
    order_patience_minutes: int = Field(
        30, ge=0, le=10_080, description="How long a customer is taken to want a number whose order is still open"
    )
    audit_hours: int = Field(24, ge=1, le=8760, description="How often each carrier's list of our numbers is audited")
    credentials_key: SecretStr = Field(
        SecretStr(""), description="Key that carriers' credentials are encrypted with; several, separated by commas"
    )
    credentials_key_file: str = Field(
        "", description="File that holds the key for credentials, in place of credentials_key"
    )
    metrics_port: int = Field(
        0, ge=0, le=65535, description="Port of /metrics, the first of one for each process; 0 is off"
    )
    metrics_host: str = Field("127.0.0.1", description="Address that the port of metrics listens on")
    metrics_token: SecretStr = Field(
        SecretStr(""), description="Bearer token that a request for metrics has to bring; empty is none"
    )
    metrics_token_file: str = Field("", description="File that holds the token, in place of metrics_token")
    egress_allow: str = Field(
        "", description="Networks inside that requests may go to, like those to a mock of carriers, comma separated"
    )
    egress_ports: str = Field(
        "",
        description="Ports of public addresses that requests may go to beside 443, 80, 8080 and 8443, comma separated",
    )
    queue_limit: int = Field(4096, ge=1, le=1_000_000, description="Commands that may wait for the writer")
    read_threads: int = Field(4, ge=1, le=64, description="Threads, and so connections, for lists and searches")
    look_up_threads: int = Field(
        2, ge=1, le=16, description="Threads, and so connections, for look-ups of keys and for purchases"
    )
    account_reads: int = Field(2, ge=1, le=64, description="Lists, look-ups and searches of one account at a time")
    account_reads_waiting: int = Field(
        32, ge=0, le=10_000, description="Those of one account that wait for their turn; 429 beyond"
    )
    read_timeout_seconds: float = Field(8, gt=0, le=60, description="Longest that one read takes before 503")
    tracing: bool = Field(
        default=False,
        description="Send traces by OpenTelemetry, as its own variables OTEL_... say; wants numberdesk[otel]",
    )
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="How lines of the log look; auto is text at a terminal, else JSON"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged")
    access_log: bool = Field(default=False, description="Log a line for every request")

    @field_validator("public_url")
    @classmethod
    def _origin(cls, text: str) -> str:
        if text and not re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+/?", text):
            raise ValueError("must be http:// or https:// and a host, without a path")
        return text.rstrip("/").lower()

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, text: str) -> str:
        parse_proxies(text)
        return text

    @field_validator("egress_allow")
    @classmethod
    def _networks(cls, text: str) -> str:
        parse_networks(text)
        return text

    @field_validator("rent_reminder_days")
    @classmethod
    def _reminders(cls, text: str) -> str:
        days = [part.strip() for part in text.split(",") if part.strip()]
        if not all(day.isascii() and day.isdigit() and 1 <= int(day) <= _LONGEST_REMINDER for day in days):
            raise ValueError(f"must be days from 1 to {_LONGEST_REMINDER}, comma separated")
        return text

    @field_validator("egress_ports")
    @classmethod
    def _ports(cls, text: str) -> str:
        parse_ports(text)
        return text

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  no .env file is read
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  nor a folder of secrets
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the TOML file."""
        path = Path(os.environ.get(_CONFIG, "numberdesk.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=path)


def unknown_variables(environment: Iterable[str]) -> list[tuple[str, str]]:
    """Variables with our prefix that are no setting, each with the nearest setting's name, or with "" for none."""
    prefix = str(Settings.model_config["env_prefix"])
    known = [_CONFIG, *(f"{prefix}{name.upper()}" for name in Settings.model_fields)]
    unknown = sorted(name for name in environment if name.upper().startswith(prefix) and name.upper() not in known)
    nearest = (difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.85) for name in unknown)
    return [(name, found[0] if found else "") for name, found in zip(unknown, nearest, strict=True)]


class SettingSource(StrEnum):
    """Where the value of a setting came from."""

    DEFAULT = "default"
    ENVIRONMENT = "environment"
    FILE = "file"


class SourcedSetting(NamedTuple):
    """A setting as people may see it: its variable, its value, with secrets left out, and where that came from."""

    variable: str
    value: str
    source: SettingSource


def sourced_settings(settings: Settings, environment: Iterable[str]) -> list[SourcedSetting]:
    """Every setting in the order of its declaration."""
    given = {name.upper() for name in environment}
    found = []
    for name in Settings.model_fields:
        variable = f"{Settings.model_config['env_prefix']}{name.upper()}"
        source = SettingSource.FILE if name in settings.model_fields_set else SettingSource.DEFAULT
        source = SettingSource.ENVIRONMENT if variable in given else source
        found.append(SourcedSetting(variable, _shown(getattr(settings, name)), source))
    return found


def _shown(value: object) -> str:
    """A value without what may be a secret: a key, or a password in a URL."""
    if isinstance(value, SecretStr):
        return "***" if value.get_secret_value() else ""
    if isinstance(value, bool):
        return str(value).lower()
    return _PASSWORD.sub(r"\1***", str(value))


def load_settings(**given: Any) -> Settings:
    """Read the settings; `given` overrides both sources. Raises SettingsError naming the setting."""
    named = os.environ.get(_CONFIG)
    if named is not None and not Path(named).is_file():
        raise SettingsError(f"NUMBERDESK_CONFIG: there is no file {named}")
    try:
        return _with_files(Settings(**given))
    except SettingsError:
        raise
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            near = difflib.get_close_matches(name.lower(), Settings.model_fields, n=1)
            meant = f"; {near[0]} is one" if near else ""
            raise SettingsError(f"setting {name} is none{meant}") from None
        raise SettingsError(f"setting {name} (NUMBERDESK_{name.upper()}): {first['msg']}") from None
    except ValueError as error:
        raise SettingsError(f"the settings file cannot be read: {error}") from None


def _with_files(settings: Settings) -> Settings:
    """The settings with the secrets that files hold: the key for credentials, a URL, a token."""
    for name in _IN_FILES:
        file = getattr(settings, f"{name}_file")
        if not file:
            continue
        where = f"setting {name}_file (NUMBERDESK_{name.upper()}_FILE)"
        if name in settings.model_fields_set and _plain(getattr(settings, name)):
            raise SettingsError(f"{where}: must be left out where NUMBERDESK_{name.upper()} is set")
        text = _secret_in(Path(file), where, "key" if name == "credentials_key" else "such value")
        kept: object = SecretStr(text) if isinstance(getattr(settings, name), SecretStr) else text
        settings = settings.model_copy(update={name: kept})
    return settings


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _secret_in(file: Path, where: str, what: str) -> str:
    """What a file holds: one value; or several keys, on lines of their own or with commas between."""
    try:
        with file.open("rb") as opened:
            text = opened.read(_MOST_SECRET_BYTES).decode("ascii")
    except OSError as error:
        raise SettingsError(f"{where}: {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{where}: {file} holds no {what}") from None
    found = ",".join(text.split())
    if not found:
        raise SettingsError(f"{where}: {file} is empty")
    return found
