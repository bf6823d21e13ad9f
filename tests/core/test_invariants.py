"""What an audit says: everything broken is counted, the first of it listed, in words that show both figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from numberdesk.core.invariants import (
    MOST_SHOWN,
    Checked,
    VerifyReport,
    Violation,
    amount,
    differing,
    found,
    or_unexplained,
)

BROKEN = Violation("I2", "wallets", "acc_1", "posted is 1, not 2")


def test_a_check_keeps_what_it_found_and_how_many_rows_it_looked_at() -> None:
    assert found("I2", "every balance", 7, iter([BROKEN])) == Checked("I2", "every balance", 7, 1, (BROKEN,))
    assert found("I2", "every balance", 7, []) == Checked("I2", "every balance", 7, 0, ())


@pytest.mark.parametrize("broken", [MOST_SHOWN - 1, MOST_SHOWN, MOST_SHOWN + 1, 3 * MOST_SHOWN])
def test_all_that_is_broken_is_counted_and_the_first_of_it_listed(broken: int) -> None:
    rows = [replace(BROKEN, row=str(place)) for place in range(broken)]
    checked = found("I2", "every balance", 1_000, rows)
    assert checked.broken == broken
    assert checked.violations == tuple(rows[:MOST_SHOWN])


def test_a_verdict_sums_its_checks_up() -> None:
    sound, broken = found("I1", "one", 3, []), found("I2", "two", 3, [BROKEN] * (MOST_SHOWN + 1))
    report = VerifyReport((sound, broken, broken))
    assert not report.ok
    assert report.violations_total == 2 * (MOST_SHOWN + 1)
    assert report.violations == (BROKEN,) * (2 * MOST_SHOWN)
    assert VerifyReport((sound, sound)).ok


def test_a_check_that_fails_without_a_row_says_that_the_index_is_damaged() -> None:
    checked = or_unexplained(found("I2", "every line", 9, []), "transfers")
    message = "transfers as a whole does not add up, though every row looks right: an index is damaged"
    assert checked == Checked("I2", "every line", 9, 1, (Violation("I2", "transfers", "", message),))


def test_a_check_that_found_rows_needs_no_other_explanation() -> None:
    checked = found("I2", "every line", 9, [BROKEN])
    assert or_unexplained(checked, "transfers") == checked


@pytest.mark.parametrize(
    ("micros", "shown"), [(1_150_000, "1.15"), (-1, "-0.000001"), ("12", "'12'"), (1.5, "1.5"), (None, "None")]
)
def test_an_amount_that_is_no_whole_number_is_shown_as_it_stands(micros: object, shown: str) -> None:
    assert amount(micros) == shown


def test_only_what_differs_is_named_with_what_it_is_and_what_it_should_be() -> None:
    assert differing(
        ("state", "open", "voided"), ("amount", 5, 5), ("order", None, "ord_1"), ("account", "a", None)
    ) == ("state is open, not voided; order is nothing, not ord_1; account is a, not nothing")
    assert differing(("amount", 5, 5)) == ""
