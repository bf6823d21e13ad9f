"""API keys: their form, and that a fake is known without a look-up."""

from __future__ import annotations

import hashlib
import re
import string
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numberdesk.accounts.model import (
    CUSTOMER_SCOPES,
    KEY_LENGTH,
    RANDOM_BYTES,
    SCOPES,
    ApiKey,
    key_hash,
    new_key,
    shown_part,
    well_formed,
)

BASE62 = string.digits + string.ascii_letters
SCANNER = re.compile(r"\bnd_(live|test)_[0-9A-Za-z]{46}\b")
SEEDS = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


def a_key() -> str:
    return new_key(bytes(range(RANDOM_BYTES)))


@given(SEEDS, st.booleans())
def test_every_new_key_is_well_formed_and_found_by_a_scanner(seed: bytes, test: bool) -> None:  # noqa: FBT001
    key = new_key(seed, test=test)
    assert well_formed(key)
    assert key.startswith("nd_test_" if test else "nd_live_")
    assert len(key) == KEY_LENGTH == 54
    found = SCANNER.search(f'{{"X-Api-Key": "{key}"}}')
    assert found is not None
    assert found.group() == key


def test_a_key_is_what_it_always_was() -> None:
    """Keys in the field must stay valid: the form cannot change."""
    body, checksum = "nd_live_d8q7ncN9fvfU8Ki196DlowaIiUqMaLKbtHXZV0bc", "13XYM1"
    assert a_key() == body + checksum
    places = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    assert sum(places.index(digit) * 62**place for place, digit in enumerate(checksum)) == zlib.crc32(body.encode())


def test_two_seeds_give_two_keys_that_differ_all_over() -> None:
    first, second = new_key(b"\x00" * 63 + b"\x01"), new_key(b"\x01" + b"\x00" * 63)
    assert first != second
    assert new_key(b"\xff" * RANDOM_BYTES) not in (first, second)


@given(SEEDS, st.integers(0, KEY_LENGTH - 1), st.sampled_from(BASE62 + "_-ä \n"))
def test_a_key_with_one_character_changed_is_refused(seed: bytes, place: int, other: str) -> None:
    key = new_key(seed)
    changed = key[:place] + other + key[place + 1 :]
    assert well_formed(changed) is (changed == key)


@given(SEEDS, st.integers(0, KEY_LENGTH - 2))
def test_a_key_with_two_neighbours_swapped_is_refused(seed: bytes, place: int) -> None:
    key = new_key(seed)
    swapped = key[:place] + key[place + 1] + key[place] + key[place + 2 :]
    assert well_formed(swapped) is (swapped == key)


@given(SEEDS)
def test_a_live_key_is_not_a_test_key(seed: bytes) -> None:
    assert not well_formed(new_key(seed).replace("nd_live_", "nd_test_"))


@pytest.mark.parametrize(
    "fake",
    [
        "",
        "nd_live_",
        "x" * KEY_LENGTH,
        "nd_live_" + "0" * 46,
        "nd_prod_" + a_key()[8:],
        "ND_LIVE_" + a_key()[8:],
        a_key()[:-1],
        a_key() + "0",
        " " + a_key(),
        a_key() + "\n",
        a_key()[:-1] + "\ud800",
        a_key()[:20] + "٣" + a_key()[21:],
        a_key()[:20] + "'" + a_key()[21:],
    ],
)
def test_a_fake_is_refused(fake: str) -> None:
    assert not well_formed(fake)


@given(st.text(alphabet=BASE62, min_size=46, max_size=46))
def test_a_guess_has_no_chance_to_speak_of_to_pass_the_checksum(guess: str) -> None:
    assert not well_formed("nd_live_" + guess)


def test_only_the_hash_and_the_beginning_of_a_key_are_kept() -> None:
    key = a_key()
    assert key_hash(key) == hashlib.sha256(key.encode()).hexdigest()
    assert shown_part(key) == key[:12]
    assert len(shown_part(key).removeprefix("nd_live_")) == 4


def test_a_key_is_valid_until_it_expires_or_is_revoked() -> None:
    key = ApiKey("key_1", "acc_1", "", "nd_live_0000", "", SCOPES, 0, None, None)
    assert key.valid_at(10**18)
    assert key._replace(expires_at=100).valid_at(99)
    assert not key._replace(expires_at=100).valid_at(100)
    assert not key._replace(revoked_at=0).valid_at(0)
    assert not key._replace(revoked_at=100, expires_at=200).valid_at(50)


def test_customers_get_no_scope_of_operators() -> None:
    assert CUSTOMER_SCOPES == ("numbers:read", "numbers:buy", "numbers:manage", "billing:read", "keys:manage")
    assert "admin" in SCOPES
    assert "admin" not in CUSTOMER_SCOPES
