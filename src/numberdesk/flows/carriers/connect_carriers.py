"""Connect accounts at carriers, change how they are set up, disable and enable them.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from numberdesk.carriers.port import UNREADABLE_OPTIONS, CarrierAccount, Setup, UnreadableOptions
from numberdesk.carriers.registry import KINDS, checked_setup
from numberdesk.carriers.store import change_carriers, insert_carriers, list_carriers, lock_carriers
from numberdesk.carriers.trouble_store import end_troubles
from numberdesk.catalog.rule_store import lock_catalog
from numberdesk.catalog.rules import parse_carrier
from numberdesk.catalog.store import list_inventory
from numberdesk.core.errors import InvalidRequest, NotFound, NumberdeskError
from numberdesk.core.lifecycle import CarrierState
from numberdesk.core.purchase import POOL
from numberdesk.infra.db import Tx
from numberdesk.infra.egress import PUBLIC_ONLY, Egress, EgressError
from numberdesk.infra.vault import Vault, VaultError

_ADDRESS: Final = "base_url"


class CarrierSetup(NamedTuple):
    """What a person sets up. Fields that are left out stay as they are; one that is "" is taken away.

    Without a `kind` the account has to be there; without a `state` it keeps its own, a new one is active. A
    `new` one must not be there: who means to add it must not put his secrets in the place of a live account's.
    """

    name: str
    kind: str | None
    fields: Setup
    state: CarrierState | None
    now: int
    new: bool = False


def new_carrier(
    name: str, kind: str, values: Mapping[str, str], vault: Vault, now: int, egress: Egress | None = PUBLIC_ONLY
) -> CarrierAccount:
    """Check what a person set up, and encrypt its secrets. Raises InvalidRequest naming the field, and VaultError.

    `egress` is None where its address is not what was set up now.
    """
    check_name(name)
    setup = checked_setup(kind, values)
    if egress is not None:
        _check_egress(setup, egress)
    secret = {field.name for field in KINDS[kind].all_fields if field.secret}
    options = {key: value for key, value in setup.values.items() if key not in secret}
    credentials = {key: value for key, value in setup.values.items() if key in secret}
    return CarrierAccount(name, kind, CarrierState.ACTIVE, options, vault.seal(name, credentials), now, now)


def check_name(name: str) -> None:
    """Refuse a name that no account can have. Raises InvalidRequest."""
    try:
        parse_carrier(name)
    except InvalidRequest as error:
        raise InvalidRequest("name", str(error.details["reason"])) from None
    if name == POOL:
        raise InvalidRequest("name", f"must not be {POOL}, which is your own inventory")


def set_up_carriers(
    vault: Vault, egress: Egress = PUBLIC_ONLY
) -> Callable[[Tx, Sequence[CarrierSetup]], list[CarrierAccount | Exception]]:
    """The write flow: accounts as they are set up then.

    InvalidRequest names a field, also where requests may not go to its address, and where another name stands for the
    account already; NotFound for one that has to be there; VaultError where secrets cannot be kept, or those that were
    kept cannot be read and none take their place.
    """

    def apply(tx: Tx, commands: Sequence[CarrierSetup]) -> list[CarrierAccount | Exception]:
        lock_catalog(tx)  # two that connect the same name, or the same account, at once wait for each other here
        known = lock_carriers(tx, [command.name for command in commands])
        there = set(known)
        everyone = {account.name: account for account in list_carriers(tx)}
        outcomes: list[CarrierAccount | Exception] = []
        touched: dict[str, CarrierAccount] = {}
        for command in commands:
            try:
                outcome = _set_up(tx, known.get(command.name), command, vault, egress)
                _check_sole(known.get(command.name), outcome, everyone.values())
            except (NumberdeskError, VaultError) as error:
                outcomes.append(error)
                continue
            everyone[outcome.name] = known[outcome.name] = touched[outcome.name] = outcome
            outcomes.append(outcome)
        insert_carriers(tx, [account for name, account in touched.items() if name not in there])
        change_carriers(tx, [account for name, account in touched.items() if name in there])
        end_troubles(tx, touched)
        return outcomes

    return apply


def _set_up(
    tx: Tx, before: CarrierAccount | None, command: CarrierSetup, vault: Vault, egress: Egress
) -> CarrierAccount:
    state = command.state or (CarrierState.ACTIVE if before is None else before.state)
    if before is None:
        if command.kind is None:
            raise NotFound("There is no such carrier.")
        made = new_carrier(command.name, command.kind, command.fields.values, vault, command.now, egress)
        return made._replace(state=state)
    if command.new:
        raise InvalidRequest("name", "stands for an account already; PATCH changes how it is set up")
    if command.kind not in (None, before.kind):
        raise InvalidRequest("kind", f"must be {before.kind}, which {before.name} stands for already")
    later = _later(before, command.now)
    if not command.fields.values:
        return before._replace(state=state, updated_at=later) if state is not before.state else before
    kept = _kept_secrets(before, command, vault)
    _check_destination(before, command, kept)
    values = {**before.options, **kept, **command.fields.values}
    after = new_carrier(
        before.name, before.kind, values, vault, later, egress if command.fields.get(_ADDRESS) else None
    )
    _check_identity(tx, before, after)
    return after._replace(state=state, created_at=before.created_at)


def _check_egress(setup: Setup, egress: Egress) -> None:
    """An address that is set up is one that requests may go to, as far as can be told without a look-up."""
    base_url = setup.get(_ADDRESS)
    if base_url:
        try:
            egress.check_url(base_url)
        except EgressError as error:
            raise InvalidRequest(_ADDRESS, str(error)) from None


def _kept_secrets(before: CarrierAccount, command: CarrierSetup, vault: Vault) -> Mapping[str, str]:
    """The secrets that an account has. Those that cannot be read are gone when others are given."""
    try:
        if isinstance(before.options, UnreadableOptions):  # nobody can tell where these were given for
            raise VaultError(UNREADABLE_OPTIONS)  # noqa: TRY301  as where they cannot be opened
        return vault.open(before.name, before.credentials)
    except VaultError:
        if any(field.secret and command.fields.get(field.name) for field in KINDS[before.kind].all_fields):
            return {}
        raise


def _check_destination(before: CarrierAccount, command: CarrierSetup, kept: Iterable[str]) -> None:
    """Secrets go nowhere but where they were given for: who moves an account to another address has to know them."""
    if command.fields.values.get(_ADDRESS, before.options.get(_ADDRESS, "")) == before.options.get(_ADDRESS, ""):
        return
    for name in sorted(kept):
        if name not in command.fields.values:
            raise InvalidRequest(name, f"must be given anew where {_ADDRESS} changes, since it is sent there")


def _check_identity(tx: Tx, before: CarrierAccount, after: CarrierAccount) -> None:
    """A name stands for one account for ever: at another one, what was ordered and is owned would not be found.

    Which one that was nobody can tell where the options cannot be read.
    """
    if isinstance(before.options, UnreadableOptions):
        return
    for field in KINDS[before.kind].identity:
        if before.options.get(field) != after.options.get(field) and list_inventory(tx, before.name, None, None, 1):
            raise InvalidRequest(
                field,
                f"must stay as it is, since there are numbers of {before.name}: give another account another name",
            )


def _check_sole(before: CarrierAccount | None, after: CarrierAccount, everyone: Iterable[CarrierAccount]) -> None:
    """An account has one name: under a second one all that is rented through the first would seem to be nobody's.

    Two that are there already, from before anybody looked, can still be changed in all other respects.
    """
    identity = _identity(after)
    if identity is None or (before is not None and _identity(before) == identity):
        return
    for other in everyone:
        if other.name != after.name and _identity(other) == identity:
            raise InvalidRequest(
                KINDS[after.kind].identity[-1],
                f"must not be that of {other.name}, which stands for this account already: change {other.name}",
            )


def _identity(account: CarrierAccount) -> tuple[str, ...] | None:
    """Which account at which carrier it is; None where that cannot be told. No carrier tells two apart by case."""
    kind = KINDS.get(account.kind)  # None: a later release stored it
    values = [account.options.get(field, "").lower() for field in kind.identity] if kind is not None else []
    return (account.kind, *values) if values and all(values) else None


def encrypt_anew(vault: Vault) -> Callable[[Tx, Sequence[int]], list[list[CarrierAccount] | VaultError]]:
    """The write flow, for the instants at which it is asked: all credentials under the vault's first key, or none."""

    def apply(tx: Tx, commands: Sequence[int]) -> list[list[CarrierAccount] | VaultError]:
        return [_encrypt_anew(tx, vault, now) for now in commands]

    return apply


def _encrypt_anew(tx: Tx, vault: Vault, now: int) -> list[CarrierAccount] | VaultError:
    accounts = lock_carriers(tx, [account.name for account in list_carriers(tx)]).values()
    try:
        anew = [
            account._replace(
                credentials=vault.seal(account.name, vault.open(account.name, account.credentials)),
                updated_at=_later(account, now),
            )
            for account in accounts
        ]
    except VaultError as error:
        return error
    change_carriers(tx, anew)
    return anew


def _later(before: CarrierAccount, now: int) -> int:
    """A time of change that differs from the one before, whatever the clock says: who sees another looks anew."""
    return max(now, before.updated_at + 1)
