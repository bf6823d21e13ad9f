"""What there is to know of the accounts at carriers: how they are set up, and how the books stand with them.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from numberdesk.carriers.audit_store import CarrierAudit, list_audits
from numberdesk.carriers.finding_store import count_open_findings
from numberdesk.carriers.port import UNREADABLE_OPTIONS, CarrierAccount, UnreadableOptions
from numberdesk.carriers.store import find_carriers_named, list_carriers
from numberdesk.carriers.trouble_store import CarrierTrouble, list_troubles
from numberdesk.core.lifecycle import CarrierState
from numberdesk.core.purchase import POOL
from numberdesk.infra.db import Tx
from numberdesk.infra.vault import Vault, VaultError
from numberdesk.numbers.audited_store import find_carriers_with_numbers
from numberdesk.numbers.carrier_release_store import count_unconfirmed
from numberdesk.orders.carrier_order_store import Unsettled, count_unsettled


class DescribedCarrier(NamedTuple):
    """An account at a carrier. `secrets` names the secrets it has; `problem` says why they cannot be read, or "".

    `trouble`: why the carrier orders nothing for it at present.
    """

    account: CarrierAccount
    secrets: tuple[str, ...]
    problem: str
    open_orders: int
    parked_orders: int
    unconfirmed_releases: int
    open_findings: int
    audit: CarrierAudit | None
    trouble: CarrierTrouble | None = None


def describe_carriers(tx: Tx, vault: Vault, names: Iterable[str] | None = None) -> list[DescribedCarrier]:
    """All accounts, or those of some names, by name."""
    if names is None:
        accounts = list_carriers(tx)
    else:
        accounts = [account for _, account in sorted(find_carriers_named(tx, names).items())]
    orders, releases, findings = count_unsettled(tx), count_unconfirmed(tx), count_open_findings(tx)
    audits = {audit.carrier: audit for audit in list_audits(tx)}
    troubles = list_troubles(tx)
    described = []
    for account in accounts:
        unsettled = orders.get(account.name, Unsettled(0, 0))
        described.append(
            DescribedCarrier(
                account,
                *_secrets(account, vault),
                unsettled.orders,
                unsettled.parked,
                releases.get(account.name, 0),
                findings.get(account.name, 0),
                audits.get(account.name),
                troubles.get(account.name),
            )
        )
    return described


def find_idle_carriers(tx: Tx) -> set[str]:
    """The disabled accounts with which nothing is left to do: closed at their carriers, for all that we know.

    Nothing there is rented or ordered, on its way back, or a finding that nobody has decided about.
    """
    disabled = {account.name for account in list_carriers(tx) if account.state is CarrierState.DISABLED}
    idle = disabled - count_unsettled(tx).keys() - count_unconfirmed(tx).keys() - count_open_findings(tx).keys()
    return idle - find_carriers_with_numbers(tx, idle) if idle else idle


def is_carrier(tx: Tx, name: str) -> bool:
    """Whether numbers can be of this carrier: the own pool, or an account that is connected, disabled or not."""
    return name == POOL or bool(find_carriers_named(tx, [name]))


def _secrets(account: CarrierAccount, vault: Vault) -> tuple[tuple[str, ...], str]:
    if isinstance(account.options, UnreadableOptions):
        return (), UNREADABLE_OPTIONS
    try:
        return tuple(sorted(vault.open(account.name, account.credentials))), ""
    except VaultError as error:
        return (), str(error)
