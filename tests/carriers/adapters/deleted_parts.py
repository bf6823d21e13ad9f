"""What somebody deletes by hand of what was made at the mock of carriers."""

from __future__ import annotations

import httpx


def take_apart_at_mock(client: httpx.Client, kind: str) -> None:
    """Delete the only origination URL of the trunk, or the only FQDN of the connection."""
    path, key, named = "/v2/fqdns", "data", "id"
    if kind == "twilio":
        (trunk,) = client.get("/v1/Trunks").json()["trunks"]
        path, key, named = f"/v1/Trunks/{trunk['sid']}/OriginationUrls", "origination_urls", "sid"
    (part,) = client.get(path).json()[key]
    assert client.delete(f"{path}/{part[named]}").is_success
    assert client.get(path).json()[key] == []
