"""What a state file keeps: everything that was sold, whatever happens to the process or the end of the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from carrier_mock.changes import Change, UnreadableChangeError, from_line, to_line
from carrier_mock.journal import Journal, JournalError
from carrier_mock.running import Config
from testbed.carrier_mock import Control, plain_client, simulated
from tests.carrier_mock.asking import KEY, SID, Bench, Telnyx, Twilio

SUCCEEDS = "+15005550006"


def everything(bench: Bench) -> object:
    """All that can be seen of a mock."""
    return (
        bench.twilio.owned().json(),
        bench.telnyx.owned().json(),
        bench.telnyx.orders(),
        bench.twilio.found(PageSize=1000),
        bench.control("GET", "/purchases"),
        bench.control("GET", "/attempts"),
        bench.twilio.ask("GET", f"{bench.twilio.base}/Balance.json").json(),
    )


def use(bench: Bench) -> None:
    """Let every kind of change happen."""
    first, second, third, fourth = bench.telnyx.found(limit=4)
    bench.telnyx.order(first, second, reference="ord_1")
    bench.wait(2)
    bench.telnyx.order(third)
    bench.twilio.buy(SUCCEEDS, "ord_2")
    bench.twilio.buy(SUCCEEDS, "ord_3")
    bench.telnyx.ask("DELETE", f"/phone_numbers/{first}")
    bench.arm("pending_failed")
    bench.telnyx.order(fourth)
    bench.wait(2)
    bench.telnyx.numbers()
    bench.control("POST", "/ports", {"phone_number": second})
    bench.control("POST", "/orphans", {"api": "twilio", "count": 3})
    bench.control("DELETE", f"/numbers/{bench.twilio.found(PageSize=1)[0]}")
    bench.control("POST", "/numbers", {"numbers": [{"phone_number": "+15125559999", "locality": "Austin"}]})


def test_every_change_is_a_line_from_which_the_same_mock_is_made() -> None:
    lines: list[bytes] = []
    bench = Bench(record=lambda change: lines.append(to_line(change)))
    use(bench)
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    assert {json.loads(line)[0] for line in lines} == {
        "stocked", "withdrawn", "held", "turned", "ordered", "settled", "attempted",
    }  # fmt: skip
    again = Bench(changes=[from_line(line) for line in lines])
    again.inside.now = bench.inside.now
    assert everything(again) == everything(bench)


@pytest.mark.parametrize("line", [b"", b"{}", b'["held"]', b'["sold", {}]', b'["held", {}]', b'["turned", 1]', b"\xff"])
def test_a_line_that_is_no_change_is_not_taken_for_one(line: bytes) -> None:
    with pytest.raises(UnreadableChangeError):
        from_line(line)


def some_changes(path: Path) -> list[Change]:
    changes: list[Change] = []
    journal = Journal(path, seed=1, numbers=2)

    def record(change: Change) -> None:
        changes.append(change)
        journal.record(change)

    use(Bench(record=record))
    journal.close()
    return changes


def read(path: Path) -> list[Change]:
    journal = Journal(path, seed=1, numbers=2)
    try:
        return list(journal.changes())
    finally:
        journal.close()


def test_a_last_line_that_is_not_whole_is_cut_off_wherever_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state"
    changes = some_changes(path)
    whole = path.read_bytes()
    assert read(path) == changes
    last = len(whole.splitlines(keepends=True)[-1])
    for missing in (1, last // 2, last - 1):
        path.write_bytes(whole[:-missing])
        assert read(path) == changes[:-1]
        assert path.read_bytes() == whole[:-last]


def test_a_head_that_is_not_whole_is_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "state"
    read(path)
    head = path.read_bytes()
    path.write_bytes(head[:-3])
    assert read(path) == []
    assert path.read_bytes() == head


def test_a_file_with_damage_inside_or_of_other_numbers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state"
    some_changes(path)
    with pytest.raises(JournalError, match="other numbers"):
        Journal(path, seed=2, numbers=2)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"damage\n", *lines[3:]]))
    with pytest.raises(JournalError, match="line 3"):
        read(path)
    with pytest.raises(JournalError, match="directory"):
        Journal(tmp_path, seed=1, numbers=2)


def test_a_mock_started_again_goes_on_where_it_was(tmp_path: Path) -> None:
    config = Config(numbers=50, order_seconds=0, state=tmp_path / "state")
    with simulated(config) as sim, plain_client(sim.url, timeout=10) as client:
        Twilio(client).buy(SUCCEEDS, "ord_1")
        Telnyx(client).ordered("+15005550118", "ord_2")
        before = (sim.control.purchases(), sim.control.attempts())
    assert KEY not in config.state.read_text() if config.state else False
    with simulated(config) as sim, plain_client(sim.url, timeout=10) as client:
        assert (sim.control.purchases(), sim.control.attempts()) == before
        assert Twilio(client).numbers() == [SUCCEEDS]
        assert Telnyx(client).numbers(customer_reference="ord_2") == ["+15005550118"]
        assert Twilio(client).buy(SUCCEEDS).status_code == 400
        sim.control.reset()
    with simulated(config) as sim:
        assert (sim.control.purchases(), sim.control.attempts()) == ([], [])


def test_a_file_that_cannot_be_used_leaves_nothing_running(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with simulated(Config(numbers=50, state=path)):
        pass
    with path.open("ab") as file:
        file.write(b"damage\n")
    with pytest.raises(JournalError, match="line 2"), simulated(Config(numbers=50, state=path)):
        pass


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with simulated(Config(numbers=50)) as sim:
        port = int(sim.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"), simulated(Config(numbers=50, port=port, state=tmp_path / "state")):
            pass
        control = Control(f"{sim.url}/control")
        assert control.overview()["numbers"] > 50
        control.close()


def test_accounts_are_apart() -> None:
    bench = Bench()
    bench.twilio.buy(SUCCEEDS)
    assert [one["account"] for one in bench.control("GET", "/purchases")] == [SID]
    bench.client.close()
