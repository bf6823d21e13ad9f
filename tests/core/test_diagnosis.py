"""Why a number does not ring, in one sentence: the gravest that is known, and every sentence that there is."""

from __future__ import annotations

import pytest

from numberdesk.core.call_route import RoutingRefusal
from numberdesk.core.connection import ConnectionState
from numberdesk.core.diagnosis import ALL_WELL, NO_SOURCE, Symptoms, sentence
from numberdesk.core.lifecycle import AccountState, RentalState
from numberdesk.core.trunk_number import OFF_TRUNK

WELL = Symptoms(
    rental=RentalState.ACTIVE,
    account=AccountState.ACTIVE,
    available=1,
    connection_id="con_1",
    state=ConnectionState.ACTIVE,
    message="",
    as_wanted=True,
    not_asked="",
    incoming=[True],
)
GRAVEST_FIRST = [
    (WELL._replace(rental=RentalState.RELEASED), "The number was given back: calls to it do not arrive here any more."),
    (WELL._replace(account=AccountState.SUSPENDED), "The account is suspended: have its operator look at it."),
    (WELL._replace(account=AccountState.CLOSED), "The account is closed: have its operator look at it."),
    (WELL._replace(state=ConnectionState.NONE), "The number is connected to nothing: give it a connection."),
    (WELL._replace(state=ConnectionState.PENDING), "The number is being connected: look again in a minute."),
    (
        WELL._replace(state=ConnectionState.PENDING, message="busy"),
        "The number is being connected: look again in a minute. It has not worked yet: busy.",
    ),
    (
        WELL._replace(state=ConnectionState.FAILED, message="busy"),
        "The number could not be connected, and is tried again: busy.",
    ),
    (
        WELL._replace(state=ConnectionState.UNSUPPORTED, message="no SIP"),
        "The number cannot be connected like that: no SIP. Give it another connection.",
    ),
    (
        WELL._replace(message=OFF_TRUNK),
        "The LiveKit trunk does not have the number any more: connect it again to have it put in.",
    ),
    (
        WELL._replace(as_wanted=False),
        "The carrier has something else set than the connection: have the operator put it back.",
    ),
    (
        WELL._replace(as_wanted=None, not_asked="no answer"),
        "The number is connected, but nobody could see whether it still is: no answer.",
    ),
    (
        WELL._replace(refusal=NO_SOURCE),
        (
            "Nobody is appointed whose records charge for its calls, so that a server which reserves is refused: have "
            "the operator appoint a source."
        ),
    ),
    (
        WELL._replace(refusal=RoutingRefusal.NOT_PRICED.value),
        "Its calls were never priced, so that a server which reserves is refused: have the operator set a rate.",
    ),
    (
        WELL._replace(refusal=RoutingRefusal.IN_DEBT.value),
        "The account owes for calls, so that new ones are refused: pay in what is owed.",
    ),
    (
        WELL._replace(refusal=RoutingRefusal.NO_BALANCE.value),
        "The balance does not cover a second of a call, so that calls are refused: pay in.",
    ),
    (
        WELL._replace(refusal=RoutingRefusal.NO_CONNECTION.value),
        "The connection leads to nothing that a server can reach: set its destination anew.",
    ),
    (
        WELL._replace(refusal=RoutingRefusal.NOT_IN_SERVICE.value),
        "A server that asks where its calls go is refused: not_in_service.",
    ),
    (WELL._replace(available=0), "The balance is used up: calls may be refused until money is paid in."),
    (WELL._replace(rental=RentalState.PAST_DUE), "The rent is past due: the number is released unless it is paid."),
    (
        WELL._replace(incoming=[False, False, False, True]),
        (
            "Calls arrive, and the last of them were not answered: test the connection, and compare the number format "
            "with what the other side expects."
        ),
    ),
    (WELL, ALL_WELL),
]


@pytest.mark.parametrize(("known", "said"), GRAVEST_FIRST)
def test_what_is_wrong_is_said_in_one_sentence(known: Symptoms, said: str) -> None:
    assert sentence(known) == said


@pytest.mark.parametrize(("place", "graver"), list(enumerate([1, 3, 9, 12, 17, 18, 19])))
def test_of_two_things_the_graver_one_is_said(place: int, graver: int) -> None:
    graver_one, said = GRAVEST_FIRST[graver]
    changed = {name: value for name, value in graver_one._asdict().items() if value != getattr(WELL, name)}
    for lesser, _ in GRAVEST_FIRST[graver + 1 :]:
        assert sentence(lesser._replace(**changed)).startswith(said[:10]), place


@pytest.mark.parametrize("incoming", [[], [False], [False, False], [True, False, False], [False, False, True]])
def test_few_calls_that_nobody_took_are_no_sign(incoming: list[bool]) -> None:
    assert sentence(WELL._replace(incoming=incoming)) == ALL_WELL
