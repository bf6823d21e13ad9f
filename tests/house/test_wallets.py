"""No flow saves wallets but by flows/keep_wallets.py, which tells of low balances."""

from __future__ import annotations

from pathlib import Path

import numberdesk

FLOWS = Path(numberdesk.__file__).parent / "flows"


def test_every_flow_that_moves_money_tells_of_low_balances() -> None:
    saving = {path.name for path in FLOWS.rglob("*.py") if "save_wallets" in path.read_text()}
    assert saving == {"keep_wallets.py"}
