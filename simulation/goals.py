"""States that a run must have reached, each so many times for every thousand seeds.

Touches: nothing.

A simulation that never gets into trouble proves nothing. Each bar is a third or less of what was
measured over two thousand seeds, so that chance alone does not fail a run.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

FEWEST_SEEDS: Final = 200
"""With fewer seeds chance would decide, and nothing is asked for."""

GOALS: Final[dict[str, int]] = {
    # what becomes of a purchase
    "sold": 280,
    "sold_at_superseded_price": 6,
    "sold_though_its_price_had_gone": 1,
    "told_that_its_rental_ended": 20,
    "sold_again_after_quarantine": 7,
    "replayed_by_key": 490,
    "replayed_without_key": 140,
    "replayed_after_a_crash": 40,
    "refusal_replayed": 300,
    "asked_again_same_bytes": 630,
    "key_used_after_it_was_forgotten": 130,
    "refused_forbidden": 35,
    "refused_idempotency_conflict": 30,
    "refused_insufficient_balance": 250,
    "refused_invalid_api_key": 65,
    "refused_number_not_offered": 200,
    "refused_number_taken": 80,
    "refused_price_changed": 12,
    "one_number_wanted_by_two_in_a_batch": 4,
    "wallet_drained_within_a_batch": 4,
    # orders at carriers, and what comes of them
    "answered_202": 200,
    "opened_at_an_earlier_quote": 3,
    "refused_offer_not_good": 120,
    "joined": 220,
    "joined_by_key": 160,
    "failure_replayed": 19,
    "order_not_sent": 10,
    "carrier_said_taken": 9,
    "carrier_said_throttled": 6,
    "carrier_said_other": 16,
    "unknown": 170,
    "kept_open": 620,
    "placed": 160,
    "adopted_after_unknown": 70,
    "adopted_after_absence": 7,
    "clock_stepped_over_the_window": 2,
    "hurried_when_its_carrier_answered": 3,
    "voided_after_proof": 50,
    "second_attempt": 35,
    "refused_after_an_attempt": 7,
    "pending_then_placed": 7,
    "pending_then_refused": 5,
    "parked": 16,
    "absent_though_accepted": 60,
    "resolved_adopt": 4,
    "resolved_retry": 12,
    "resolved_void": 17,
    "resolved_too_late": 4,
    "heard_after_the_end": 20,
    "late_placement_given_back": 1,
    "release_confirmed": 100,
    "release_confirmed_later": 9,
    "release_put_off": 16,
    "orphan_found": 50,
    "orphan_given_back": 50,
    "lost_found": 2,
    "audit_not_finished": 3,
    "opened_again": 11,
    "offer_forgotten": 130,
    # everything else that is asked for
    "released": 60,
    "released_again": 15,
    "release_refused": 20,
    "release_again_ends_nothing": 5,
    "movement_replayed": 25,
    "movement_conflict": 3,
    "adjustment_refused": 4,
    "others_order_absent": 12,
    "quarantine_ended": 25,
    "time_disputed": 170,
    "time_believed_at_last": 8,
    "answer_forgotten": 70,
    "repriced_in_steps": 300,
    # the writer
    "three_commands_in_a_batch": 250,
    "several_flows_in_a_batch": 400,
    "batch_isolated": 15,
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
    "crash_at_sending": 16,
    "crash_at_heard": 7,
    "crash_at_settled": 9,
    "crash_at_carrier_orders.taken_up": 10,
    "crash_at_carrier_orders.acted": 8,
    "crash_at_carrier_orders.noted": 8,
    "crash_at_carrier_releases.taken_up": 1,
    "crash_at_carrier_releases.acted": 1,
    "crash_at_carrier_releases.noted": 1,
    "crash_at_audits.taken_up": 1,
    "crash_at_audits.acted": 1,
    "crash_at_audits.noted": 1,
    "machine_restarted": 150,
    "verified": 75,
    # faults that count as states
    "power lost, commit torn": 15,
    "power lost after a commit": 12,
    "statement fails": 90,
    "commit fails": 90,
    "carrier down": 110,
    "carrier loses a number": 14,
    "carrier gives a number unasked": 50,
    "question to a carrier lost": 45,
    "release answered, answer lost": 8,
    "writers collide": 110,
    "commit lost": 55,
    "commit made, its answer lost": 60,
    "clock jumps back": 500,
    "clock jumps ahead": 500,
    "hung up": 300,
    "time passes": 440,
}


GOALS_OF_MONTHS: Final[dict[str, int]] = {
    # rent
    "rented": 4500,
    "period_charged": 2500,
    "period_waived_by_boss": 40,
    "past_due": 20,
    "paid_within_grace": 10,
    "ran_out": 900,
    "given_back": 2500,
    "repriced": 2000,
    # calls and sessions
    "call_charged": 4000,
    "call_witness": 4000,
    "call_parked": 400,
    "corrected": 3000,
    "cost_told": 8000,
    "in_debt": 200,
    "rate_set": 1500,
    "session_opened": 4000,
    "session_abandoned": 700,
    # connections, and what is set
    "connection_changed": 2500,
    "connected_as_wanted": 250,
    "connected_to_nothing": 200,
    "said_why_not_connected": 25,
    "settings_asked_for": 2500,
    "set_as_wanted": 40,
    "nothing_set_as_wanted": 300,
    # the operator's hands
    "given": 800,
    "moved": 800,
    "taken_back": 1600,
    "restored": 1000,
    "ended_by_hand": 1600,
    # numbers that stood at the carrier before
    "adopted": 1400,
    "adopted_for_sale": 400,
    "adoption_undone": 150,
    "offer_undone": 100,
    "file_came_again": 600,
    "mistakes_told": 2400,
    "left_as_found": 800,
    "undone_and_clean": 15,
    # papers
    "papers_registered": 1700,
    "refused_without_papers": 1000,
    "ordered_with_papers": 300,
    "ending_told": 1100,
    "end_told": 800,
    # LiveKit trunks
    "in_its_trunk": 500,
    "said_why_not_in_its_trunk": 35,
    "taken_off_by_hand": 30,
    # what is done by hand at the carrier, and audits
    "object_deleted": 150,
    "object_of_several_deleted": 10,
    "trunk_deleted": 50,
    "carrier loses a number": 150,
    "carrier gives a number unasked": 150,
    "carrier exchanges the ids of two numbers": 100,
    "lost_number_came_back": 20,
    "audited": 1000,
    "orphan_found": 2000,
    "lost_found": 100,
    "wrong_reference_found": 100,
    "drifted_at_rest": 20,
    "orphan_keep": 800,
    "orphan_release": 400,
    "drifted_put_back": 50,
    "trunk_drifted_put_back": 20,
    # crashes
    "crash_at_audits.noted": 200,
    "machine_restarted": 600,
    "crash_at_trunk_numbers.noted": 100,
    "crash_at_renewals.noted": 60,
    "crash_at_call_pulls.noted": 600,
    "crash_at_rental_connections.acted": 60,
    "verified": 900,
}

BARS: Final[dict[str, dict[str, int]]] = {"hours": GOALS, "months": GOALS_OF_MONTHS, "year": {}}
"""By what is simulated."""


def missed(reached: Counter[str], seeds: int, goals: dict[str, int] = GOALS) -> list[str]:
    """The goals that were not reached often enough, with what was asked for."""
    if seeds < FEWEST_SEEDS:
        return []
    bars = {goal: often * seeds // 1000 for goal, often in goals.items()}
    return [f"{goal}: {reached[goal]} of {bar}" for goal, bar in bars.items() if reached[goal] < bar]
