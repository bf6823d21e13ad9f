"""Settings: where they come from, which source wins, and that a mistake names its setting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from numberdesk.infra.settings import (
    DEFAULT_DATABASE_URL,
    Settings,
    SettingsError,
    SettingSource,
    load_settings,
    sourced_settings,
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder and an environment without our variables."""
    for name in [*Settings.model_fields, "config"]:
        monkeypatch.delenv(f"NUMBERDESK_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_any_source_everything_has_its_default() -> None:
    settings = load_settings()
    assert settings.database_url == DEFAULT_DATABASE_URL == "sqlite:///var/numberdesk.db"
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert settings.rate_limit == 0
    assert settings.quote_lifetime_seconds == 600
    assert settings.quarantine_days == 30
    assert settings.key_retention_hours >= 24
    assert settings.body_limit_bytes == 64 * 1024
    assert settings.receive_timeout_seconds == 10
    assert settings.answer_timeout_seconds <= 4


def test_the_environment_sets_what_it_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBERDESK_DATABASE_URL", "sqlite:///elsewhere.db")
    monkeypatch.setenv("NUMBERDESK_RATE_LIMIT", "2.5")
    monkeypatch.setenv("NUMBERDESK_ACCESS_LOG", "true")
    settings = load_settings()
    assert (settings.database_url, settings.rate_limit, settings.access_log) == ("sqlite:///elsewhere.db", 2.5, True)
    assert settings.port == 8000


def test_a_file_in_the_working_folder_is_read(folder: Path) -> None:
    (folder / "numberdesk.toml").write_text('port = 9000\nlog_level = "debug"\n')
    assert (load_settings().port, load_settings().log_level) == (9000, "debug")


def test_the_environment_wins_over_the_file_and_arguments_over_both(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "numberdesk.toml").write_text("port = 9000\nqueue_limit = 7\nread_threads = 2\n")
    monkeypatch.setenv("NUMBERDESK_PORT", "9001")
    monkeypatch.setenv("NUMBERDESK_READ_THREADS", "3")
    settings = load_settings(read_threads=4)
    assert (settings.queue_limit, settings.port, settings.read_threads) == (7, 9001, 4)


def test_a_file_may_be_elsewhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "numberdesk.toml").write_text("port = 9000\n")
    (folder / "other.toml").write_text("port = 9002\n")
    monkeypatch.setenv("NUMBERDESK_CONFIG", str(folder / "other.toml"))
    assert load_settings().port == 9002


@pytest.mark.parametrize("name", ["missing.toml", "", "."])
def test_a_file_that_is_named_and_not_there_is_an_error_and_no_default(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBERDESK_CONFIG", name)
    with pytest.raises(SettingsError, match="NUMBERDESK_CONFIG: there is no file"):
        load_settings()


@pytest.mark.parametrize("content", ["port = ", "port 9000", "\x00", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_an_error(folder: Path, content: str | bytes) -> None:
    (folder / "numberdesk.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError, match="the settings file cannot be read"):
        load_settings()


def test_a_setting_that_does_not_exist_is_an_error_that_names_it(folder: Path) -> None:
    (folder / "numberdesk.toml").write_text("prot = 9000\n")
    with pytest.raises(SettingsError, match="setting prot is none; port is one"):
        load_settings()
    (folder / "numberdesk.toml").unlink()
    with pytest.raises(SettingsError, match="setting prot "):
        load_settings(prot=9000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "eighty"),
        ("port", "-1"),
        ("port", "65536"),
        ("port", "80.5"),
        ("rate_limit", "-1"),
        ("rate_limit", "nan"),
        ("rate_limit", "inf"),
        ("quote_lifetime_seconds", "-1"),
        ("quote_lifetime_seconds", "86401"),
        ("quarantine_days", "-1"),
        ("key_retention_hours", "23"),
        ("body_limit_bytes", "0"),
        ("import_limit_bytes", "0"),
        ("receive_timeout_seconds", "0"),
        ("receive_timeout_seconds", "nan"),
        ("answer_timeout_seconds", "0"),
        ("answer_timeout_seconds", "nan"),
        ("queue_limit", "0"),
        ("read_threads", "0"),
        ("workers", "0"),
        ("workers", "65"),
        ("read_threads", "65"),
        ("log_level", "loud"),
        ("access_log", "maybe"),
    ],
)
def test_a_value_out_of_its_bounds_is_an_error_that_names_the_setting(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"NUMBERDESK_{name.upper()}", value)
    with pytest.raises(SettingsError, match=rf"setting {name} \(NUMBERDESK_{name.upper()}\): "):
        load_settings()


def test_an_error_does_not_repeat_the_value_for_it_may_be_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBERDESK_PORT", "topsecret")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize("content", ["new\nold\n", "new,old", " new \r\n\n old"])
def test_the_key_for_credentials_may_stand_in_a_file(
    folder: Path, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "key").write_text(content)
    monkeypatch.setenv("NUMBERDESK_CREDENTIALS_KEY_FILE", "key")
    settings = load_settings()
    assert settings.credentials_key.get_secret_value() == "new,old"
    assert "old" not in repr(settings)


@pytest.mark.parametrize(
    ("content", "key", "said"),
    [
        (None, "", "key cannot be read"),
        (b"", "", "key is empty"),
        (b" \n", "", "key is empty"),
        (b"topsecret\xff", "", "key holds no key"),
        (b"topsecret", "another", "must be left out where NUMBERDESK_CREDENTIALS_KEY is set"),
    ],
)
def test_a_file_for_the_key_that_cannot_be_used_is_an_error_and_no_service_without_a_key(
    folder: Path, content: bytes | None, key: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (folder / "key").write_bytes(content)
    monkeypatch.setenv("NUMBERDESK_CREDENTIALS_KEY_FILE", "key")
    monkeypatch.setenv("NUMBERDESK_CREDENTIALS_KEY", key)
    with pytest.raises(SettingsError, match=rf"setting credentials_key_file \(NUMBERDESK_.*\): {said}") as caught:
        load_settings()
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize("name", ["database_url", "metrics_token"])
def test_other_secrets_may_stand_in_files_too_and_not_in_both_places(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    variable = f"NUMBERDESK_{name.upper()}"
    (folder / "secret").write_text("sqlite:///elsewhere.db\n")
    monkeypatch.setenv(f"{variable}_FILE", "secret")
    monkeypatch.setenv(variable, "")  # as images do that have a default of their own
    found = getattr(load_settings(), name)
    assert (found if isinstance(found, str) else found.get_secret_value()) == "sqlite:///elsewhere.db"
    monkeypatch.setenv(variable, "sqlite:///here.db")
    with pytest.raises(SettingsError, match=f"{variable}_FILE.*left out where {variable} is set"):
        load_settings()


def test_every_setting_tells_where_it_came_from_and_no_secret(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "numberdesk.toml").write_text("port = 8123\n")
    monkeypatch.setenv("NUMBERDESK_METRICS_TOKEN", "hunter2")
    monkeypatch.setenv("NUMBERDESK_DATABASE_URL", "postgresql://me:hunter2@a,b/books?password=hunter2&sslmode=require")
    found = {one.variable: one for one in sourced_settings(load_settings(), os.environ)}
    assert len(found) == len(Settings.model_fields)
    assert found["NUMBERDESK_PORT"][1:] == ("8123", SettingSource.FILE)
    assert found["NUMBERDESK_METRICS_TOKEN"][1:] == ("***", SettingSource.ENVIRONMENT)
    assert found["NUMBERDESK_DATABASE_URL"].value == "postgresql://me:***@a,b/books?password=***&sslmode=require"
    assert found["NUMBERDESK_HOST"].source is SettingSource.DEFAULT


def test_other_variables_and_an_env_file_are_not_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("NUMBERDESK_PORT=9000\n")
    monkeypatch.setenv("PORT", "9001")
    assert load_settings().port == 8000


def test_settings_do_not_change_once_they_are_read() -> None:
    settings = load_settings()
    with pytest.raises(ValidationError):
        settings.port = 1


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
