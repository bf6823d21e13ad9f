"""States that a run must have reached, each so many times for every thousand seeds.

Touches: nothing.

A simulator that never gets into trouble proves nothing. Each bar is a third or less of what was
measured over two thousand seeds, so that chance alone does not fail a run.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

FEWEST_SEEDS: Final = 100
"""With fewer seeds chance would decide, and nothing is asked for."""

GOALS: Final[dict[str, int]] = {
    # what becomes of a purchase
    "sold": 500,
    "sold_at_superseded_price": 15,
    "sold_again_after_quarantine": 8,
    "replayed_by_key": 500,
    "replayed_without_key": 150,
    "replayed_after_a_crash": 40,
    "refusal_replayed": 300,
    "asked_again_same_bytes": 700,
    "key_used_after_it_was_forgotten": 150,
    "refused_forbidden": 40,
    "refused_idempotency_conflict": 30,
    "refused_insufficient_balance": 250,
    "refused_invalid_api_key": 100,
    "refused_number_not_offered": 200,
    "refused_number_taken": 90,
    "refused_price_changed": 20,
    "one_number_wanted_by_two_in_a_batch": 4,
    "wallet_drained_within_a_batch": 4,
    # everything else that is asked for
    "released": 60,
    "released_again": 15,
    "release_refused": 25,
    "movement_replayed": 25,
    "movement_conflict": 3,
    "adjustment_refused": 4,
    "others_order_absent": 25,
    "quarantine_ended": 25,
    "answer_forgotten": 100,
    "repriced_in_steps": 300,
    # the writer
    "three_commands_in_a_batch": 250,
    "several_flows_in_a_batch": 400,
    "batch_isolated": 20,
    "overloaded_by_queue": 30,
    "overloaded_by_patience": 30,
    "turned_away_while_closing": 60,
    "locked_by_another_process": 80,
    "storage_failed_answered": 200,
    "disk_full_met": 60,
    "recovered_from_a_full_disk": 50,
    # crashes
    "crash_at_asked": 10,
    "crash_at_taken": 30,
    "crash_at_begun": 25,
    "crash_at_applied": 35,
    "crash_at_committed": 25,
    "crash_at_resolved": 35,
    "crash_at_decided": 6,
    "machine_restarted": 150,
    "verified": 150,
    # faults that count as states
    "power lost, commit torn": 15,
    "power lost after a commit": 20,
    "statement fails": 90,
    "commit fails": 90,
    "clock jumps back": 500,
    "clock jumps ahead": 500,
    "hung up": 300,
    "time passes": 500,
}


def missed(reached: Counter[str], seeds: int) -> list[str]:
    """The goals that were not reached often enough, with what was asked for."""
    if seeds < FEWEST_SEEDS:
        return []
    bars = {goal: often * seeds // 1000 for goal, often in GOALS.items()}
    return [f"{goal}: {reached[goal]} of {bar}" for goal, bar in bars.items() if reached[goal] < bar]
