"""The commands for carriers, as an operator runs them."""

from __future__ import annotations

import base64
import contextlib
import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from carrier_mock.faults import Fault
from carrier_mock.model import Api, Operation
from numberdesk.carriers.registry import KINDS
from numberdesk.catalog.rules import parse_carrier
from numberdesk.infra.db import Database
from numberdesk.infra.vault import new_key
from testbed.carrier_mock import MockUrls, simulated
from testbed.databases import readable
from testbed.egress import ALLOWED
from testbed.scripted import Answer, Seen, json_reply, scripted
from tests.cli.conftest import COMMAND, PATIENCE, environment, wait_until
from tests.cli.runner import Done, Run, json_of, runner

POSTGRESQL_IN_THE_LONG_RUN: Final = "the rules of commands about carriers are the same on both engines"

KEY: Final = new_key()
SECRET: Final = "s3cret-t0ken-of-ours-4711"
ACCOUNT: Final = "AC" + "0" * 31 + "7"


@pytest.fixture
def run(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command on a database of the test's own, with a key for credentials."""
    return runner(database_url, KEY, tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def mock() -> Iterator[MockUrls]:
    with simulated() as running:
        yield running


@pytest.fixture
def carriers(mock: MockUrls) -> MockUrls:
    """A mock as at its beginning."""
    mock.control.reset()
    return mock


def _add(run: Run, url: str, *more: str, name: str = "twilio", **given: str) -> Done:
    account = (
        ACCOUNT if name == "twilio" else "AC" + name.encode().hex().rjust(32, "0")
    )  # another name, another account
    options = ("--set", f"account_sid={account}", "--set", f"base_url={url}", *more)
    return run("carriers", "add", name, "twilio", *options, "--json", TOKEN=SECRET, **given)


def _connected(run: Run, url: str, name: str = "twilio") -> Any:
    return json_of(_add(run, url, "--secret-env", "auth_token=TOKEN", name=name))


def _with_a_wrong_key(run: Run, url: str, name: str) -> None:
    options = ("--secrets", "-", "--set", f"base_url={url}/v2", "--json")
    json_of(run("carriers", "add", name, "telnyx", *options, sent="api_key = wrong\n"))


def _basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"{ACCOUNT}:{password}".encode()).decode()


def _balance(_seen: Seen) -> Answer:
    """The answer to all that a check asks for: a balance, and prices."""
    prices = [{"number_type": "local", "current_price": "1.15"}]
    return json_reply(200, {"balance": "1", "currency": "USD", "price_unit": "USD", "phone_number_prices": prices})


def test_an_account_is_connected_checked_disabled_and_listed(run: Run, carriers: MockUrls) -> None:
    made = _connected(run, carriers.url)
    assert (made["name"], made["status"], made["secrets"]) == ("twilio", "active", ["auth_token"])
    (checked,) = json_of(run("carriers", "check", "--json"))
    assert (checked["name"], checked["ok"]) == ("twilio", True)
    said = run("carriers", "check", "twilio")
    assert "yes  Twilio knows the account" in said.stdout
    assert "no price rule" in said.stderr
    assert json_of(run("carriers", "disable", "twilio", "--json"))["status"] == "disabled"
    assert json_of(run("carriers", "enable", "twilio", "--json"))["status"] == "active"
    assert [each["name"] for each in json_of(run("carriers", "list", "--json"))] == ["twilio"]
    shown = run("carriers", "show", "twilio")
    assert f"options.account_sid {ACCOUNT}" in " ".join(shown.stdout.split())
    for command in ("show", "check", "disable", "audit"):
        done = run("carriers", command, "nobody")
        assert (done.returncode, "no" in done.stderr) == (1, True), command


def test_a_carrier_that_is_not_well_is_told_in_words_and_by_the_exit_status(run: Run, carriers: MockUrls) -> None:
    _connected(run, carriers.url)
    _add(run, "http://127.0.0.1:1029", "--secret-env", "auth_token=TOKEN", name="gone")
    _with_a_wrong_key(run, carriers.url, "typo")
    done = run("carriers", "check", "--json")
    assert done.returncode == 1
    told = {each["name"]: each for each in json.loads(done.stdout)}
    assert [name for name in told if not told[name]["ok"]] == ["gone", "typo"]
    assert "cannot be asked" in told["gone"]["said"]
    assert "the API key is wrong" in told["typo"]["said"]
    assert run("carriers", "check", "twilio").returncode == 0


def test_a_second_name_for_an_account_is_refused_and_the_first_one_told(run: Run, carriers: MockUrls) -> None:
    _connected(run, carriers.url)
    twin = ("--set", f"account_sid={ACCOUNT}", "--set", f"base_url={carriers.url}", "--secret-env", "auth_token=TOKEN")
    done = run("carriers", "add", "twin", "twilio", *twin, TOKEN=SECRET)
    assert done.returncode == 2
    assert done.stderr.startswith("numberdesk: account_sid must not be that of twilio")
    assert [each["name"] for each in json_of(run("carriers", "list", "--json"))] == ["twilio"]


def test_secrets_come_from_a_file_standard_input_or_the_environment(run: Run, tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text(f"# of the account\n\n auth_token = {SECRET}=x \n")
    with scripted(_balance) as carrier:
        for more, sent in (
            (("--secrets", "secrets"), ""),
            (("--secrets", "-"), f"auth_token={SECRET}\n"),
            (("--secret-env", "auth_token=TOKEN"), ""),
        ):
            assert _add(run, carrier.url, *more, sent=sent).returncode == 0
            assert run("carriers", "check").returncode == 0
        sent_with = [seen.headers["authorization"] for seen in carrier.seen if seen.path.endswith("/Balance.json")]
    assert sent_with == [_basic(f"{SECRET}=x"), _basic(SECRET), _basic(SECRET)]


def test_an_option_is_changed_without_typing_secrets_again(run: Run) -> None:
    with scripted(_balance) as carrier:
        _connected(run, carrier.url)
        changed = json_of(run("carriers", "add", "twilio", "twilio", "--set", "at_once=5", "--json"))
        assert changed["options"] == {"account_sid": ACCOUNT, "at_once": "5", "base_url": carrier.url}
        assert run("carriers", "check").returncode == 0
        assert carrier.seen[0].headers["authorization"] == _basic(SECRET)
    gone = json_of(run("carriers", "add", "twilio", "twilio", "--set", "at_once=", "--json"))
    assert "at_once" not in gone["options"]
    assert run("carriers", "add", "twilio", "telnyx", "--set", "at_once=5").returncode == 2
    moved = run("carriers", "add", "twilio", "twilio", "--set", "base_url=http://127.0.0.1:1029")
    assert (moved.returncode, "auth_token must be given anew" in moved.stderr) == (2, True)
    assert "--secret-env auth_token=VARIABLE" in moved.stderr


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("twilio", "carrier-pigeon"), "KIND"),
        (("pool", "telnyx", "--secret-env", "api_key=TOKEN"), "NAME"),
        (("Telnyx", "telnyx", "--secret-env", "api_key=TOKEN"), "NAME"),
        (("tel\x1bnyx", "telnyx", "--secret-env", "api_key=TOKEN"), "NAME"),
        (("telnyx", "telnyx"), "api_key"),
        (("telnyx", "telnyx", "--set", f"api_key={SECRET}"), "api_key"),
        (("telnyx", "telnyx", "--set", "colour=red"), "field"),
        (("telnyx", "telnyx", "--set", "at_once"), "--set"),
        (("telnyx", "telnyx", "--set", "at_once=1", "--set", "at_once=2"), "at_once"),
        (("telnyx", "telnyx", "--secret-env", "api_key=TOKEN", "--set", "base_url=http://8.8.8.8"), "base_url"),
        (("telnyx", "telnyx", "--secret-env", "api_key=TOKEN", "--set", "connection_id=a\nb"), "connection_id"),
        (("telnyx", "telnyx", "--secret-env", "api_key=NOWHERE"), "--secret-env"),
        (("telnyx", "telnyx", "--secret-env", "api_key"), "--secret-env"),
        (("telnyx", "telnyx", "--secrets", "nowhere"), "--secrets"),
        (("telnyx", "telnyx", "--secrets", "."), "--secrets"),
        (("telnyx", "telnyx", "--secrets", "-"), "--secrets"),
        (("telnyx", "telnyx", "--secrets", "-", "--secret-env", "api_key=TOKEN"), "--secrets"),
    ],
)
def test_bad_input_names_what_is_wrong_repeats_no_secret_and_leaves_nothing(
    run: Run, arguments: tuple[str, ...], named: str
) -> None:
    done = run("carriers", "add", *arguments, sent=f"{SECRET}\n", TOKEN=SECRET)
    assert done.returncode == 2
    assert done.stderr.startswith(f"numberdesk: {named} ")
    assert SECRET not in done.stdout + done.stderr
    assert json_of(run("carriers", "list", "--json")) == []


def test_a_key_that_is_missing_wrong_or_none_is_told_and_harms_nothing(run: Run, carriers: MockUrls) -> None:
    done = _add(run, carriers.url, "--secret-env", "auth_token=TOKEN", NUMBERDESK_CREDENTIALS_KEY="")
    assert (done.returncode, "carriers new-key" in done.stderr) == (1, True)
    assert json_of(run("carriers", "list", "--json")) == []
    before = _connected(run, carriers.url)
    for key, said in (("", "no key for credentials"), ("abc", "is no key"), (new_key(), "under another key")):
        listed = run("carriers", "list", "--json", NUMBERDESK_CREDENTIALS_KEY=key)
        assert said in json_of(listed)[0]["problem"]
        assert said in listed.stderr
        checked = run("carriers", "check", "--json", NUMBERDESK_CREDENTIALS_KEY=key)
        assert (checked.returncode, said in json.loads(checked.stdout)[0]["said"]) == (1, True)
        for arguments in (("add", "twilio", "twilio", "--set", "at_once=5"), ("rotate",)):
            refused = run("carriers", *arguments, NUMBERDESK_CREDENTIALS_KEY=key)
            assert (refused.returncode, said in refused.stderr) == (1, True), arguments
    assert json_of(run("carriers", "show", "twilio", "--json")) == before


def test_credentials_are_encrypted_anew_all_or_none(run: Run, carriers: MockUrls, database_url: str) -> None:
    for name in ("one", "two"):
        _connected(run, carriers.url, name=name)
    later = run("carriers", "new-key").stdout.strip()
    both = f"{later},{KEY}"
    assert json_of(run("carriers", "rotate", "--json", NUMBERDESK_CREDENTIALS_KEY=both)) == [
        {"name": "one"}, {"name": "two"},
    ]  # fmt: skip
    assert run("carriers", "check", NUMBERDESK_CREDENTIALS_KEY=later).returncode == 0
    assert run("carriers", "check").returncode == 1
    database = Database(database_url)
    with database.write() as tx:
        tx.run("UPDATE carriers SET credentials = (SELECT credentials FROM carriers WHERE name = 'one')", [])
    database.close()
    broken = run("carriers", "rotate", NUMBERDESK_CREDENTIALS_KEY=f"{KEY},{later}")
    assert (broken.returncode, "those of another carrier" in broken.stderr) == (1, True)
    assert run("carriers", "check", "one", NUMBERDESK_CREDENTIALS_KEY=later).returncode == 0
    swapped = run("carriers", "check", "two", "--json", NUMBERDESK_CREDENTIALS_KEY=later)
    assert "those of another carrier" in json.loads(swapped.stdout)[0]["said"]


def test_a_new_key_in_a_file_is_for_its_owner_alone_is_not_shown_and_replaces_no_other(
    run: Run, carriers: MockUrls, tmp_path: Path
) -> None:
    made = run("carriers", "new-key", "--file", "secrets/key")
    file = tmp_path / "secrets" / "key"
    assert (made.returncode, made.stdout, stat.S_IMODE(file.stat().st_mode)) == (0, "", 0o600)
    key = file.read_text()
    again = run("carriers", "new-key", "--file", "secrets/key")
    assert (again.returncode, "is there already" in again.stderr, file.read_text()) == (1, True, key)
    by_file = {"NUMBERDESK_CREDENTIALS_KEY": "", "NUMBERDESK_CREDENTIALS_KEY_FILE": str(file)}
    assert _add(run, carriers.url, "--secret-env", "auth_token=TOKEN", **by_file).returncode == 0
    assert run("carriers", "check", NUMBERDESK_CREDENTIALS_KEY=key.strip()).returncode == 0
    assert run("carriers", "check").returncode == 1


def _dump(url: str) -> str:
    """Everything that the database holds, and of SQLite every byte of its files."""
    database = Database(url)
    with contextlib.closing(database), database.read() as tx:
        rows = [str(tx.fetch(f"SELECT * FROM {name}", [])) for name in readable(tx)]  # noqa: S608  our tables
    file = Path(url.removeprefix("sqlite:///"))
    files = file.parent.glob(f"{file.name}*") if url.startswith("sqlite") else []
    return "".join([*rows, *(path.read_bytes().decode("latin-1") for path in files)])


def test_a_secret_is_in_no_output_database_or_process_list(run: Run, database_url: str, tmp_path: Path) -> None:
    def repeat(seen: Seen) -> Answer:
        return json_reply(401, {"message": f"{seen.headers['authorization']} {SECRET}", "code": 20003})

    with scripted(repeat) as carrier:
        adding = subprocess.Popen(
            [*COMMAND, "carriers", "add", "twilio", "twilio", "--set", f"account_sid={ACCOUNT}",
             "--set", f"base_url={carrier.url}", "--secrets", "-"],
            cwd=tmp_path, env=environment(
                database_url=database_url, credentials_key=KEY, egress_allow=ALLOWED, log_level="debug"
            ),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        wait_until(lambda: bool(psutil.Process(adding.pid).cmdline()))
        commands = " ".join(str(each.info["cmdline"]) for each in psutil.process_iter(["cmdline"]))
        said = [*adding.communicate(f"auth_token={SECRET}\n", PATIENCE)]
        assert adding.returncode == 0, said
        for arguments in (("list", "--json"), ("show", "twilio"), ("check",), ("audit",), ("rotate",)):
            done = run("carriers", *arguments, NUMBERDESK_LOG_LEVEL="debug")
            said += [done.stdout, done.stderr]
        assert carrier.seen
    dump = _dump(database_url)
    assert ACCOUNT in dump
    assert ACCOUNT in commands
    for text in (*said, dump, commands):
        assert SECRET not in text
        assert _basic(SECRET).removeprefix("Basic ") not in text
        assert KEY not in text


def test_an_audit_tells_what_it_found_until_a_person_has_decided(run: Run, carriers: MockUrls) -> None:
    _connected(run, carriers.url)
    assert json_of(run("carriers", "audit", "--json")) == []
    kept, going = sorted(each.phone_number for each in carriers.control.orphans(Api.TWILIO, account=ACCOUNT, count=2))
    for _ in range(2):  # what is not decided about is found every time
        done = run("carriers", "audit", "twilio", "--json")
        assert done.returncode == 1
        assert "2 numbers at the carrier, 2 that differ" in done.stderr
        assert [(each["phone_number"], each["kind"], each["status"]) for each in json.loads(done.stdout)] == [
            (kept, "orphan", "open"), (going, "orphan", "open"),
        ]  # fmt: skip
    assert json_of(run("carriers", "keep", "twilio", kept, "--json"))["status"] == "kept"
    unasked = run("carriers", "release", "twilio", going)
    assert (unasked.returncode, "say --yes" in unasked.stderr) == (1, True)
    assert json_of(run("carriers", "releases", "--json")) == []
    assert json_of(run("carriers", "release", "twilio", going, "--yes", "--json"))["status"] == "releasing"
    late = run("carriers", "keep", "twilio", going)
    assert (late.returncode, "on its way back to its carrier already" in late.stderr) == (2, True)
    assert [each["phone_number"] for each in json_of(run("carriers", "releases", "--json"))] == [going]
    assert run("carriers", "audit").returncode == 0
    carriers.control.take_away(kept)
    assert run("carriers", "audit").returncode == 0
    assert {each["status"] for each in json_of(run("carriers", "findings", "--all", "--json"))} == {"ended"}
    assert json_of(run("carriers", "findings", "twilio", "--json")) == []
    assert run("carriers", "keep", "twilio", kept).returncode == 1
    assert run("carriers", "keep", "twilio", "nonsense").returncode == 2


def test_a_number_of_the_pool_that_is_on_the_account_too_is_told_and_no_orphan(
    run: Run, carriers: MockUrls, tmp_path: Path
) -> None:
    (number,) = carriers.control.orphans(Api.TWILIO, account=ACCOUNT)
    (tmp_path / "n.csv").write_text(f"phone_number,monthly_price,currency\n{number.phone_number},2.00,USD\n")
    json_of(run("inventory", "import", "n.csv", "--json"))
    _connected(run, carriers.url)
    done = run("carriers", "audit", "--json")
    assert json_of(done) == []
    assert "twilio: the books have 1 of its numbers under pool, which are no orphans" in done.stderr
    refused = run("carriers", "release", "twilio", number.phone_number, "--yes")
    assert (refused.returncode, "not_found" in refused.stderr) == (1, True)


def test_an_account_that_was_closed_is_left_out_unless_it_is_named(run: Run, carriers: MockUrls) -> None:
    _connected(run, carriers.url)
    _with_a_wrong_key(run, carriers.url, "closed")
    commands = ("check", "audit")
    assert [run("carriers", command).returncode for command in commands] == [1, 1]
    json_of(run("carriers", "disable", "closed", "--json"))
    for command in commands:
        done = run("carriers", command, "--json")
        assert (done.returncode, "closed: left out" in done.stderr) == (0, True)
        assert "closed" not in done.stdout
        assert run("carriers", command, "closed").returncode == 1
    json_of(run("carriers", "enable", "closed", "--json"))
    assert [run("carriers", command).returncode for command in commands] == [1, 1]


def test_an_audit_that_is_not_finished_says_why_and_ends_nothing(run: Run, carriers: MockUrls) -> None:
    _connected(run, carriers.url)
    carriers.control.orphans(Api.TWILIO, account=ACCOUNT)
    run("carriers", "audit")
    carriers.control.arm(Fault.HTML, api=Api.TWILIO, operation=Operation.LIST)
    done = run("carriers", "audit", "--json")
    assert (done.returncode, "not finished" in done.stderr) == (1, True)
    assert [each["status"] for each in json.loads(done.stdout)] == ["open"]
    assert json_of(run("carriers", "show", "twilio", "--json"))["last_audit"]["status"] == "unfinished"


def test_lists_of_a_carrier_that_is_not_connected_are_refused_by_name(run: Run, carriers: MockUrls) -> None:
    _connected(run, carriers.url)
    run("carriers", "disable", "twilio")
    for command in (("carriers", "findings"), ("prices", "list", "--carrier"), ("inventory", "list", "--carrier")):
        refused = run(*command, "nope")
        assert (refused.returncode, "there is no carrier 'nope'" in refused.stderr) == (1, True), command
        for known in ("pool", "twilio"):
            assert json_of(run(*command, known, "--json")) == []


def test_a_price_rule_of_a_carrier_holds_from_the_next_search_and_tells_what_it_replaces(
    run: Run, carriers: MockUrls
) -> None:
    _connected(run, carriers.url)
    scope = ("--carrier", "twilio", "--country", "US")
    first = run("prices", "set", *scope, "--currency", "USD", "--margin-percent", "20", "--json")
    assert "from the next search" in first.stderr
    assert "new price" not in first.stderr
    assert "replaces" not in first.stderr
    rule = json_of(first)["id"]
    wider = run("prices", "set", "--carrier", "twilio", "--currency", "EUR", "--margin-percent", "20")
    assert "replaces" not in wider.stderr
    second = run("prices", "set", *scope, "--currency", "EUR", "--margin-percent", "20")
    assert f"replaces {rule} (USD)" in second.stderr
    removed = run("prices", "remove", rule)
    assert (removed.returncode, "from the next search" in removed.stderr) == (0, True)


def test_kinds_are_listed_with_their_fields(run: Run) -> None:
    kinds = {kind["kind"]: kind["fields"] for kind in json_of(run("carriers", "kinds", "--json"))}
    assert kinds.keys() == KINDS.keys()
    for kind in kinds:
        assert parse_carrier(kind) == kind
    assert "api_token" in run("carriers", "kinds").stdout


def test_exchange_rates_are_set_listed_and_removed(run: Run) -> None:
    made = json_of(run("prices", "rates", "set", "EUR", "USD", "1.08", "--json"))
    assert json_of(run("prices", "rates", "list", "--json")) == [made]
    assert made["rate"] == 1.08
    assert run("prices", "rates", "set", "EUR", "USD", "1,08").returncode == 2
    assert run("prices", "rates", "set", "EUR", "EUR", "1").returncode == 2
    assert json_of(run("prices", "rates", "remove", "EUR", "USD", "--json")) == made
    assert run("prices", "rates", "remove", "EUR", "USD").returncode == 1


def test_a_rate_prices_numbers_whose_costs_are_in_another_currency(run: Run, tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("phone_number,cost_monthly,cost_currency\n+13612738809,2.00,EUR\n")
    assert json_of(run("inventory", "import", "n.csv", "--json"))["unpriced"] == 1
    run("prices", "set", "--currency", "USD", "--margin-percent", "0", "--setup", "0")
    assert json_of(run("inventory", "list", "--json"))[0]["price"] is None
    assert "1 numbers have a new price" in run("prices", "rates", "set", "EUR", "USD", "1.10").stderr
    assert json_of(run("inventory", "list", "--json"))[0]["price"] == 2.2
