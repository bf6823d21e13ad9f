"""Credentials at rest: sealed under a key and a name, opened with that key and that name, and shown by no error."""

from __future__ import annotations

import traceback

import pytest

from numberdesk.infra.vault import Vault, VaultError, new_key

SECRETS = {"auth_token": "s3cret-t0ken", "account_sid": "AC1"}


def test_what_was_sealed_is_opened_under_the_same_name() -> None:
    vault = Vault(new_key())
    sealed = vault.seal("acme", SECRETS)
    assert vault.open("acme", sealed) == SECRETS
    assert vault.open("acme", vault.seal("acme", {})) == {}
    assert "s3cret" not in sealed
    assert "acme" not in sealed
    assert vault.seal("acme", SECRETS) != sealed


def test_a_text_copied_to_another_row_does_not_open_there() -> None:
    vault = Vault(new_key())
    with pytest.raises(VaultError, match="the credentials of other are those of another carrier"):
        vault.open("other", vault.seal("acme", SECRETS))


def test_a_new_key_encrypts_and_old_ones_still_open() -> None:
    old, new = new_key(), new_key()
    sealed = Vault(old).seal("acme", SECRETS)
    both = Vault(f" {new} , {old},")
    assert both.open("acme", sealed) == SECRETS
    again = both.seal("acme", SECRETS)
    assert Vault(new).open("acme", again) == SECRETS
    for vault, text in ((Vault(old), again), (Vault(new), sealed)):
        with pytest.raises(VaultError, match="under another key: set NUMBERDESK_CREDENTIALS_KEY"):
            vault.open("acme", text)


@pytest.mark.parametrize(
    ("keys", "said"),
    [("", "there is no key"), (" , ", "there is no key"), ("short", "is no key: .*NUMBERDESK_CREDENTIALS_KEY_FILE")],
    ids=["none", "blanks", "no key"],
)
def test_a_new_key_is_suggested_to_who_adds_credentials_and_to_nobody_who_has_some(keys: str, said: str) -> None:
    with pytest.raises(VaultError, match=f"{said}.*numberdesk carriers new-key"):
        Vault(keys).seal("acme", SECRETS)
    with pytest.raises(VaultError, match=f"{said}.*the one that the credentials of acme were added with") as caught:
        Vault(keys).open("acme", "gAAAA")
    assert "new-key" not in str(caught.value)


@pytest.mark.parametrize(
    "keys",
    ["short", "x" * 44, "ключ", "=" * 44, f"{new_key()},short"],
    ids=["short", "of x", "in letters", "of =", "the second"],
)
def test_what_is_no_key_is_refused_and_not_repeated(keys: str) -> None:
    with pytest.raises(VaultError, match="what is set is no key") as caught:
        Vault(keys).seal("acme", SECRETS)
    assert keys not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("text", ["", "gAAAAA", "é\x00", "x" * 10_000, "{}"])
def test_what_was_never_sealed_does_not_open(text: str) -> None:
    with pytest.raises(VaultError):
        Vault(new_key()).open("acme", text)


def test_a_text_of_which_one_sign_was_changed_does_not_open() -> None:
    vault = Vault(new_key())
    sealed = vault.seal("acme", SECRETS)
    for place in range(0, len(sealed), 7):
        changed = "B" if sealed[place] == "A" else "A"
        with pytest.raises(VaultError):
            vault.open("acme", sealed[:place] + changed + sealed[place + 1 :])


def test_no_error_and_no_repr_holds_a_secret() -> None:
    key = new_key()
    vault = Vault(key)
    with pytest.raises(VaultError) as caught:
        vault.open("other", vault.seal("acme", SECRETS))
    told = "".join(traceback.format_exception(caught.value)) + repr(vault) + str(vault)
    assert "s3cret" not in told
    assert key not in told
