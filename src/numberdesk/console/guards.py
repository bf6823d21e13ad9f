"""What a request has to prove before it may change anything, and the cookie by which a browser is known.

Touches: nothing.

Forged requests: a browser says by Sec-Fetch-Site, or else by Origin, which site a request comes from. One that comes
from another, or does not say, changes nothing. That needs no tokens in forms.
"""

from __future__ import annotations

import ipaddress
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from numberdesk.api.request_body import Headers
from numberdesk.core.errors import Forbidden

SECURE_COOKIE: Final = "__Host-numberdesk"
PLAIN_COOKIE: Final = "numberdesk-console"
_FROM_HERE: Final = (b"same-origin", b"none")
_FORGED: Final = (
    "This request did not come from a page of this console, so nothing was changed. Open the console anew and try "
    "there. Behind a proxy, NUMBERDESK_PUBLIC_URL has to be the address that browsers use."
)
_UNSAFE: Final = (
    "The console signs in over https, or on this machine by http://127.0.0.1. Set NUMBERDESK_PUBLIC_URL to the "
    "address that browsers use, such as https://numbers.example.com."
)


class Origin(NamedTuple):
    """How browsers reach the console: scheme and host, with the port where it is not the scheme's own."""

    scheme: str
    host: str

    @property
    def text(self) -> str:
        """As the header Origin has it."""
        return f"{self.scheme}://{self.host}"

    @property
    def on_this_machine(self) -> bool:
        """Whether nothing between the browser and the server can listen."""
        name = urlsplit(f"//{self.host}").hostname or ""
        try:
            return name == "localhost" or ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def origin_of(public_url: str, headers: Headers, scheme: str) -> Origin:
    """The origin that browsers see: the setting's, or else that of the request."""
    if public_url:
        parts = urlsplit(public_url)
        return Origin(parts.scheme, parts.netloc)
    return Origin(scheme, headers.get(b"host", b"").decode("latin-1"))


def refuse_forged(origin: Origin, headers: Headers) -> None:
    """Raise Forbidden unless a request comes from a page of this origin, or from the browser's own address bar."""
    site = headers.get(b"sec-fetch-site")
    from_here = site in _FROM_HERE if site is not None else b"origin" in headers
    sent = headers.get(b"origin")
    if not from_here or (sent is not None and sent.decode("latin-1") != origin.text):
        raise Forbidden(_FORGED)


def cookie_name(origin: Origin, public_url: str) -> str:
    """The name of the cookie of a session. Raises Forbidden where others could read it on its way."""
    if origin.scheme == "https":
        return SECURE_COOKIE
    if origin.on_this_machine or public_url:  # the operator has said that it is to be plain
        return PLAIN_COOKIE
    raise Forbidden(_UNSAFE)


def set_cookie(name: str, token: str, seconds: int) -> str:
    """The header that gives a browser its token, or takes it away with `seconds` 0."""
    secure = "; Secure" if name == SECURE_COOKIE else ""
    return f"{name}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}"


def read_cookie(origin: Origin, headers: Headers) -> str | None:
    """The token that a browser sent; by the name without prefix only where that is the name it was given."""
    wanted = SECURE_COOKIE if origin.scheme == "https" else PLAIN_COOKIE
    for part in headers.get(b"cookie", b"").decode("latin-1").split(";"):  # others' cookies may hold anything
        name, _, value = part.strip().partition("=")
        if name == wanted and value:
            return value
    return None


def inside(path: str | None) -> str:
    """A path within the console to go on to; its first page for anything else, such as another site's address."""
    fits = path is not None and (path == "/console" or path.startswith(("/console/", "/console?")))
    plain = path is not None and path.isascii() and path.isprintable() and "\\" not in path
    return path if path is not None and fits and plain else "/console/"
