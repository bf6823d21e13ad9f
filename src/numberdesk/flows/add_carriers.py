"""Connect accounts at carriers under names that nothing stands for yet.

Touches: database.

Who means to add one and gives the name of another must not put his secrets in the place of its own:
a live account would go on under keys of somebody else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from numberdesk.carriers.model import Account
from numberdesk.carriers.store import find_carriers_named
from numberdesk.catalog.rule_store import lock_catalog
from numberdesk.core.errors import InvalidRequest
from numberdesk.flows.connect_carriers import CarrierSetup, set_up_carriers
from numberdesk.infra.db import Tx
from numberdesk.infra.vault import Vault


def add_carriers(vault: Vault) -> Callable[[Tx, Sequence[CarrierSetup]], list[Account | Exception]]:
    """The write flow: new accounts. InvalidRequest for a name that is there, otherwise as set_up_carriers."""
    set_up = set_up_carriers(vault)

    def apply(tx: Tx, commands: Sequence[CarrierSetup]) -> list[Account | Exception]:
        lock_catalog(tx)  # two that connect the same name at once wait for each other here
        taken = set(find_carriers_named(tx, [command.name for command in commands]))
        outcomes: list[Account | Exception] = []
        for command in commands:
            if command.name in taken:
                outcomes.append(InvalidRequest("name", "stands for an account already; PATCH changes how it is set up"))
                continue
            [outcome] = set_up(tx, [command])
            if isinstance(outcome, Account):
                taken.add(command.name)
            outcomes.append(outcome)
        return outcomes

    return apply
