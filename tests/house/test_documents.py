"""The documents list what there is, with its defaults, and nothing that is not there.

docs/settings.md, errors.md, events.md and commands.md are read as tables and headings and compared with the code, in
both directions. In all documents, command lines, paths of the API, settings and links are looked up.
"""

from __future__ import annotations

import functools
import re
import shlex
import tomllib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import annotated_types
import pytest
import typer.main
from pydantic.fields import FieldInfo

from numberdesk.api import app as _app  # noqa: F401  importing declares the endpoints
from numberdesk.api.endpoint import BASE, ENDPOINTS
from numberdesk.api.errors import STATUSES
from numberdesk.carriers.registry import KINDS
from numberdesk.cli import app
from numberdesk.core.errors import BY_CODE
from numberdesk.infra.settings import Settings
from numberdesk.outbox import model as outbox
from numberdesk.outbox import rental_event_types as rentals_told
from numberdesk.outbox.model import EVENT_TYPES, EventType

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NOT_A_SETTING: Final = "NUMBERDESK_CONFIG"
"""Names the settings file, so it cannot be a setting itself."""

Commands = dict[str, dict[str, str]]
"""Each command with its arguments and options, and their defaults."""


def _document(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def rows(text: str) -> list[list[str]]:
    """The cells of the table rows whose first or second cell is code."""
    lines = (line for line in text.splitlines() if re.match(r"\| (\d+ \| )?`", line))
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def sections(text: str) -> dict[str, str]:
    """What stands under each heading that is code."""
    parts = re.split(r"^#+ ", text, flags=re.MULTILINE)
    found = (re.match(r"`([^`]+)`\n", part) for part in parts)
    return {match[1]: part for match, part in zip(found, parts, strict=True) if match}


def documented_settings(text: str) -> dict[str, tuple[str, str]]:
    """The default and the allowed values of each setting of a document."""
    return {cells[0].strip("`"): (cells[1].strip("`"), cells[2]) for cells in rows(text)}


def documented_errors(text: str) -> dict[str, int]:
    """The status of each error code of a document."""
    return {cells[1].strip("`"): int(cells[0]) for cells in rows(text)}


def documented_commands(text: str) -> Commands:
    """The commands of a document with the first two columns of their tables."""
    return {
        command: {cells[0].strip("`"): cells[1].strip("`") for cells in rows(part)}
        for command, part in sections(text).items()
    }


def carriers_in_table(text: str) -> list[str]:
    """The names over the columns of the table of carriers, which is the one without a name over its first."""
    (head,) = re.findall(r"^\| \| (.*) \|$", text, flags=re.MULTILINE)
    return str(head).split(" | ")


def carrier_sections(text: str) -> dict[str, str]:
    """What stands in each paragraph that begins with a bold name, from the table of carriers to the next heading."""
    _, part = text.split("| | ", 1)
    paragraphs = part.partition("\n#")[0].split("\n\n")
    found = [(re.match(r"\*\*([^*]+)\.\*\*", paragraph), paragraph) for paragraph in paragraphs]
    return {name[1]: paragraph for name, paragraph in found if name is not None}


def commands(command: Any, path: str = "numberdesk") -> Commands:
    """Every command that runs something, walked down from the given one."""
    below = getattr(command, "commands", None)
    if below is not None:
        return {name: found for part in below for name, found in commands(below[part], f"{path} {part}").items()}
    return {path: {_spelling(parameter): _default(parameter) for parameter in command.params}}


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper()).strip("[]")
    return str(max(parameter.opts, key=len))


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if getattr(parameter, "is_flag", False):
        return "off"
    return "none" if parameter.default in (None, "") else str(parameter.default)


def _allowed(field: FieldInfo) -> str:
    """The allowed values of a setting, in the words of the document."""
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    if isinstance(field.annotation, type) and issubclass(field.annotation, StrEnum):
        return ", ".join(f"`{choice}`" for choice in field.annotation)
    if field.annotation is bool:
        return "`true`, `false`"
    bounds = {type(mark): mark for mark in field.metadata}
    if annotated_types.Le not in bounds:
        return "text"
    highest = int(bounds[annotated_types.Le].le)
    if annotated_types.Gt in bounds:
        return f"above {int(bounds[annotated_types.Gt].gt)}, to {highest}"
    return f"{int(bounds[annotated_types.Ge].ge)} to {highest}"


def settings() -> dict[str, tuple[str, str]]:
    """The default and the allowed values of each setting, by its variable in the environment."""
    return {
        f"NUMBERDESK_{name.upper()}": (
            str(field.default).lower() if field.annotation is bool else str(field.default),
            _allowed(field),
        )
        for name, field in Settings.model_fields.items()
    }


def command_lines(text: str) -> Iterator[list[str]]:
    """The words after `numberdesk` of each command line in a document."""
    for line in text.splitlines():
        match = re.match(r"(?: {4,}|\$ |ExecStart=)?(?:\S*/)?numberdesk ((?:[a-z-]).*)", line)
        if match and not line.startswith("numberdesk "):
            yield shlex.split(re.sub(r"\s[|>].*", "", match[1]), comments=True)


@functools.cache
def _all_commands() -> Any:
    return typer.main.get_command(app)


def unknown_words(words: list[str]) -> list[str]:
    """The words of a command line that name no command or option there is."""
    command = _all_commands()
    rest = list(words)
    while getattr(command, "commands", None) is not None:
        if not rest or rest[0] not in command.commands:
            return rest[:1] or ["(no command)"]
        command = command.commands[rest.pop(0)]
    known = {spelling for parameter in command.params for spelling in (*parameter.opts, *parameter.secondary_opts)}
    return [word for word in rest if word.startswith("--") and word not in known | {"--help"}]


def unknown_paths(text: str) -> set[str]:
    """The API paths in a document that no endpoint answers."""
    forms = [form for described in ENDPOINTS for form in (described.path, *described.other_paths)]
    known = re.compile("|".join(BASE + re.sub(r"\{\w+:\w+\}", "[^/]+", form) for form in forms))
    found = {path.rstrip("/") for path in re.findall(rf"{BASE}(/[^\s\"'`?)]*)", text)}
    return {path for path in found if path and not known.fullmatch(BASE + path)}


@pytest.fixture(scope="module")
def documents() -> dict[str, str]:
    return {str(path.relative_to(ROOT)): path.read_text() for path in DOCUMENTS}


def test_every_setting_is_documented_with_its_default_and_what_it_allows() -> None:
    found = documented_settings(_document("settings.md"))
    assert found.pop(NOT_A_SETTING)
    assert found == settings()


def test_every_error_code_is_documented_with_its_status() -> None:
    assert documented_errors(_document("errors.md")) == STATUSES
    assert set(STATUSES) == set(BY_CODE)


def _section(kind: EventType) -> str:
    """What docs/events.md says of a type of event."""
    rows = "".join(f"| `{field}` | {meaning} |\n" for field, meaning in kind.fields.items())
    return f"## `{kind.name}`\n\n{kind.meaning}\n\n| Field | Content |\n|---|---|\n{rows}"


def test_the_catalogue_of_events_is_that_of_the_table_of_event_types() -> None:
    catalogue = "\n".join(map(_section, EVENT_TYPES))
    document = _document("events.md")
    assert document[document.index("## `") :] == catalogue, f"docs/events.md ends in:\n\n{catalogue}"


def test_every_type_of_event_is_written_by_a_flow() -> None:
    modules = (rentals_told, outbox)
    names = [name for module in modules for name, value in vars(module).items() if isinstance(value, EventType)]
    assert len({kind.id_prefix for kind in EVENT_TYPES}) == len({kind.name for kind in EVENT_TYPES}) == len(names)
    flows = "\n".join(path.read_text() for path in (ROOT / "src" / "numberdesk" / "flows").rglob("*.py"))
    assert [name for name in names if f"{name}.event(" not in flows and f"{name}.about(" not in flows] == []


def test_every_carrier_has_a_column_and_a_section_with_what_it_must_be_given() -> None:
    text = _document("carriers.md")
    columns, sections = carriers_in_table(text), carrier_sections(text)
    assert columns == list(sections)
    assert sorted(map(str.casefold, columns)) == sorted(KINDS)
    for name, section in sections.items():
        fields = KINDS[name.casefold()].fields
        assert [field.name for field in fields if field.required and f"`{field.name}`" not in section] == [], name


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    names = [re.split(r"[^a-z0-9-]", dependency)[0] for dependency in wanted]
    reasons = {cells[0].strip("`"): cells[1] for cells in rows(_document("decisions/0002-dependencies.md"))}
    assert sorted(reasons) == sorted(names)
    assert all(reasons.values())


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    docs, navigation = ROOT / "docs", (ROOT / "mkdocs.yml").read_text().splitlines()
    listed = {line.strip().removeprefix("- ").rpartition(": ")[2] for line in navigation}
    pages = {str(page.relative_to(docs)) for page in docs.rglob("*.md") if page.parent.name != "decisions"}
    assert sorted(pages - listed) == []


def test_decisions_are_numbered_in_turn_and_their_headings_say_the_number() -> None:
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [file.name[:4] for file in files] == [f"{place:04}" for place in range(1, len(files) + 1)]
    assert [file.name for file in files if not file.read_text().startswith(f"# {file.name[:4]} ")] == []


def test_every_command_is_documented_with_its_options_and_their_defaults() -> None:
    assert documented_commands(_document("commands.md")) == commands(typer.main.get_command(app))


def test_no_document_names_a_setting_that_is_not_there(documents: dict[str, str]) -> None:
    known = {NOT_A_SETTING, *settings()}
    named = {name for text in documents.values() for name in re.findall(r"NUMBERDESK_[A-Z_]+[A-Z]", text)}
    assert named <= known


def test_every_command_line_in_a_document_could_be_run(documents: dict[str, str]) -> None:
    lines = [words for text in documents.values() for words in command_lines(text)]
    assert len(lines) > 20
    assert [words for words in lines if unknown_words(words)] == []


def test_every_carrier_in_a_command_line_is_one_that_a_line_before_connects() -> None:
    added: set[str] = set()
    for words in command_lines(_document("carriers.md")):
        if words[:2] == ["carriers", "add"]:
            added.add(words[2])
        elif "--carrier" in words:
            assert words[words.index("--carrier") + 1] in added, words


def test_every_path_of_the_api_in_a_document_is_there(documents: dict[str, str]) -> None:
    assert {name: unknown_paths(text) for name, text in documents.items() if unknown_paths(text)} == {}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_to_one(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_rows_are_read_out_of_a_table_and_prose_is_not() -> None:
    text = "Some `code` here.\n\n| a | b |\n|---|---|\n| `x` | `1` | more |\n| 404 | `y` |\n| plain | `z` |\n"
    assert rows(text) == [["`x`", "`1`", "more"], ["404", "`y`"]]


def test_what_a_document_leaves_out_or_makes_up_is_seen() -> None:
    text = _document("errors.md")
    line = next(line for line in text.splitlines() if "`number_taken`" in line)
    assert documented_errors(text.replace(line, "")) != STATUSES
    assert documented_errors(text.replace("| 409 | `number_taken`", "| 410 | `number_taken`")) != STATUSES
    assert documented_errors(f"{text}\n| 418 | `teapot` | |") != STATUSES


def test_a_default_that_changed_is_seen() -> None:
    text = _document("settings.md")
    assert documented_settings(text.replace("| `8000` |", "| `8080` |")) != documented_settings(text)
    text = _document("commands.md")
    assert documented_commands(text.replace("| `1000` |", "| `50` |", 1)) != documented_commands(text)


def test_a_command_without_its_option_is_seen() -> None:
    found = documented_commands("### `numberdesk x`\n\n| `NAME` | required | |\n| `--json` | off | |\n")
    assert found == {"numberdesk x": {"NAME": "required", "--json": "off"}}


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("    numberdesk accounts create ACME --currency USD", []),
        ("    .venv/bin/numberdesk verify --json > out.json", []),
        ("    numberdesk accounts destroy ACME", ["destroy"]),
        ("    numberdesk accounts create ACME --coin USD", ["--coin"]),
        ("    numberdesk wallet", ["(no command)"]),
    ],
)
def test_a_command_line_that_could_not_be_run_is_seen(line: str, unknown: list[str]) -> None:
    if unknown == ["(no command)"]:
        assert unknown_words(["wallet"]) == unknown
    else:
        (words,) = command_lines(line)
        assert unknown_words(words) == unknown


def test_a_path_that_is_not_there_is_seen() -> None:
    assert unknown_paths(f"GET {BASE}/phone-numbers/buy/ and {BASE}/balance?x=1") == set()
    assert unknown_paths(f"GET {BASE}/phone-numbers/sell/now") == {"/phone-numbers/sell/now"}
