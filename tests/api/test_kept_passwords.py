"""Passwords of connections that are kept, and where they may go."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from numberdesk.infra.vault import new_key
from tests.api.conftest import Shop


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what is merged does not depend on it
def test_a_kept_password_goes_to_no_host_that_it_was_not_given_for(other_shop: Callable[..., Shop]) -> None:
    http = other_shop(credentials_key=new_key()).customer().http
    known = {"username": "desk", "password": "hush-hush"}
    body = {"name": "office", "kind": "sip", "targets": [{"uri": "sip:8.8.8.8"}], **known}
    path = f"/connections/{http.post('/connections/', json=body).json()['data']['id']}/"
    moved = {"targets": [{"uri": "sip:9.9.9.9"}]}
    refused = http.patch(path, json=moved)
    assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "password")
    assert http.patch(path, json={"targets": [{"uri": "sip:8.8.8.8:5070"}]}).status_code == 200
    assert http.patch(path, json={**moved, **known}).json()["data"]["has_password"] is True
