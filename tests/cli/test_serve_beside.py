"""One SQLite file: one server, and every command and worker beside it, also while it is busy."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from testbed import nursery
from tests.cli.buyers import Buyers
from tests.cli.conftest import HEADER, PATIENCE, Books, Start, environment, filled, wait_until

ONLY_SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # one process serves a file


def _refused(folder: Path, *arguments: str, **settings: str) -> str:
    done = nursery.run("numberdesk", *arguments, cwd=folder, env=environment(**settings), timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (1, "")
    return done.stderr


@ONLY_SQLITE
def test_a_second_server_on_one_file_is_refused_and_the_first_goes_on(
    start: Start, books: Books, tmp_path: Path
) -> None:
    first = start("serve", "--port", "0", until="Numberdesk on", database_url=books.url)
    file = books.url.removeprefix("sqlite:///")
    same = tmp_path / "a" / ".." / Path(file).name  # another spelling of the same file
    (tmp_path / "a").mkdir()
    for url in (books.url, f"sqlite:///{same}"):
        said = _refused(tmp_path, "serve", "--port", "0", database_url=url)
        assert f"another `numberdesk serve` is serving {file}" in said
        assert "stop it first, or take another NUMBERDESK_DATABASE_URL" in said
    with Buyers(first.address, books.key, books.numbers[:20]) as buyers:
        assert len(buyers.finish().bought) == 20


@ONLY_SQLITE
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_once_a_server_has_ended_however_it_did_the_next_one_serves(start: Start, books: Books, end: int) -> None:
    start("serve", "--port", "0", until="Numberdesk on", database_url=books.url).stop(end)
    again = start("serve", "--port", "0", until="Numberdesk on", database_url=books.url)
    assert again.stop() == 0


@ONLY_SQLITE
def test_servers_on_two_files_do_not_mind_each_other(start: Start, books: Books, tmp_path: Path) -> None:
    for url in (books.url, f"sqlite:///{tmp_path}/other.db"):
        start("serve", "--port", "0", until="Numberdesk on", database_url=url)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
def test_an_operator_imports_and_tops_up_and_a_worker_works_while_customers_buy(
    start: Start, database_url: str, tmp_path: Path
) -> None:
    books = filled(database_url, tmp_path, count=8_000)
    (books.folder / "more.csv").write_text(
        HEADER + "".join(f"+1415273{place:04},2.00,,,USD\n" for place in range(3_000))
    )
    server = start("serve", "--port", "0", until="Numberdesk on", database_url=books.url)
    worker = start("worker", until="the worker runs", database_url=books.url)
    with Buyers(server.address, books.key, books.numbers, count=1) as buyers:
        wait_until(lambda: bool(buyers.record.bought))
        assert books.command("inventory", "import", "more.csv")["new"] == 3_000
        for place in range(2):
            books.command("wallet", "top-up", books.account_id, "7", "--reference", f"r{place}")
        books.command("accounts", "create", "Another", "--currency", "USD")
        books.command("keys", "create", "Another")
        books.command("prices", "set", "--currency", "USD", "--prefix", "1415", "--price", "3")
        assert books.command("inventory", "list", "--state", "available", "--limit", "5")
        assert books.command("verify")["ok"] is True
        before = len(buyers.record.bought)
        assert before < len(books.numbers), "the customers were done before the operator"
        wait_until(lambda: len(buyers.record.bought) > before)
        record = buyers.give_up()
    assert (record.answered_otherwise, record.unanswered, record.cut, record.unsent) == ([], [], [], [])
    assert (worker.stop(), server.stop()) == (0, 0)
    books.paid_in += 14
    books.check()
    assert sorted(books.ordered()) == sorted(record.bought)


@ONLY_SQLITE
def test_several_processes_on_one_file_are_refused_with_the_way_out(books: Books, tmp_path: Path) -> None:
    for arguments, settings in ((("--workers", "2"), {}), ((), {"workers": "2"})):
        said = _refused(tmp_path, "serve", "--port", "0", *arguments, database_url=books.url, **settings)
        assert "one SQLite file is served by one process" in said
        assert "NUMBERDESK_DATABASE_URL=postgresql://" in said
