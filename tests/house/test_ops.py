"""What stands in ops/ fits what there is: settings, files, secrets as files, no rights that are not needed."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from pydantic import SecretStr

from numberdesk.infra.settings import Settings
from tests.house.test_documents import NOT_A_SETTING, command_lines, settings, unknown_words

ROOT: Final = Path(__file__).parents[2]
OPS: Final = ROOT / "ops"
FILES: Final = sorted(path for path in OPS.rglob("*") if path.is_file() and "secrets" not in path.parts)
COMPOSE: Final = OPS / "compose" / "compose.yaml"
CONTAINERFILE: Final = (OPS / "container" / "Containerfile").read_text()
UNIT: Final = OPS / "systemd" / "numberdesk.service"
OURS: Final = ("api", "worker", "migrate")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return loaded


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(OPS)))
def test_only_settings_that_there_are_are_named(path: Path) -> None:
    assert set(re.findall(r"NUMBERDESK_[A-Z_]+[A-Z]", path.read_text())) <= {NOT_A_SETTING, *settings()}


def test_every_secret_can_be_given_as_a_file() -> None:
    secrets = [name for name, field in Settings.model_fields.items() if field.annotation is SecretStr]
    assert len(secrets) > 1
    assert [name for name in ("database_url", *secrets) if f"{name}_file" not in Settings.model_fields] == []


def test_services_of_compose_take_their_secrets_from_files_and_write_only_to_data(compose: dict[str, Any]) -> None:
    for name in OURS:
        service = compose["services"][name]
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert service["volumes"] == ["data:/data"]
        files = {value for key, value in service["environment"].items() if key.endswith("_FILE")}
        assert files == {f"/run/secrets/{secret}" for secret in service["secrets"]}
        assert unknown_words(service["command"]) == []
    for service in compose["services"].values():
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_what_compose_mounts_and_makes_is_there(compose: dict[str, Any]) -> None:
    made = set(re.findall(r"> secrets/(\w+)", (OPS / "compose" / "secrets.sh").read_text()))
    assert {secret["file"] for secret in compose["secrets"].values()} == {f"./secrets/{name}" for name in made}
    for service in compose["services"].values():
        for mounted in service.get("volumes", []):
            source = mounted.split(":")[0]
            there = (COMPOSE.parent / source).exists() if source.startswith(".") else source in compose["volumes"]
            assert there, mounted
    build = compose["services"]["api"]["build"]
    assert (COMPOSE.parent / build["context"] / build["dockerfile"]).samefile(OPS / "container" / "Containerfile")


def test_the_image_runs_as_nobody_special_and_says_how_it_is() -> None:
    lines = CONTAINERFILE.splitlines()
    user = [line for line in lines if line.startswith("USER ")][-1]
    assert user == "USER 10001:10001"
    assert any(line.startswith("HEALTHCHECK ") for line in lines)
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    sources = [source for words in copied for source in words if not source.startswith("--")]
    assert [source for source in sources if not (ROOT / source).exists()] == []
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert [source for source in sources if not any(Path(source).is_relative_to(name) for name in kept)] == []


def test_the_unit_runs_a_command_that_there_is() -> None:
    (words,) = command_lines(UNIT.read_text())
    assert unknown_words(words) == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "numberdesk.service"
    unit.write_text(UNIT.read_text().replace("/opt/numberdesk/.venv/bin/numberdesk", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_rules_have_a_severity_and_words_and_their_place_in_the_document() -> None:
    groups = yaml.safe_load((OPS / "prometheus" / "rules.yml").read_text())["groups"]
    document = (ROOT / "docs" / "metrics.md").read_text()
    for rule in groups[0]["rules"]:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert rule["alert"] in document
