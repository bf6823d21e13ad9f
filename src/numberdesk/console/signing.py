"""Signing in, by an API key or by a link, and signing out.

Touches: nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from starlette.responses import Response

from numberdesk.api.endpoint import EntryPoint, Headers
from numberdesk.api.errors import STATUSES
from numberdesk.api.limits import RateLimit
from numberdesk.console.forms import Form
from numberdesk.console.guards import Origin, cookie_name, inside, read_cookie, set_cookie
from numberdesk.console.rendering import page, redirect
from numberdesk.core.errors import InvalidApiKey, NumberdeskError, RateLimited
from numberdesk.core.periods import MICROSECONDS
from numberdesk.flows.accounts.sign_in import IDLE, TOKEN_BYTES, SignIn, sign_in, sign_out, token_hash

ATTEMPTS_PER_SECOND: Final = 0.1
ATTEMPTS_AT_ONCE: Final = 10
"""Times that one address may fail to sign in at once; after that one every ten seconds."""

_LONGEST_TOKEN: Final = 100
_WRONG: Final = (
    "This is not a key that works here: it is mistyped, revoked or expired. Paste all of it; keys begin with nd_live_ "
    "or nd_test_."
)
_SLOWED: Final = "Too many tries from your address. Wait a little, then try again."


class Arrival(NamedTuple):
    """A request of somebody who is not signed in."""

    origin: Origin
    headers: Headers
    query: Form
    form: Form
    address: str
    now: int

    def asked(self, name: str) -> str:
        """A field of the form or, without one, of the page's address."""
        return (self.form or self.query).get(name, [""])[-1].strip()


Opener = Callable[[Arrival], Awaitable[Response]]


class SignInPages:
    """The pages for whoever is not signed in."""

    def __init__(self, entry_point: EntryPoint) -> None:
        self._entry_point = entry_point
        self._services = entry_point.services
        # The bucket of an address holds ATTEMPTS_AT_ONCE, and of addresses only the latest are remembered.
        self._attempts = RateLimit(ATTEMPTS_PER_SECOND / ATTEMPTS_AT_ONCE, times=ATTEMPTS_AT_ONCE)
        self.openers: dict[tuple[str, str], Opener] = {
            ("GET", "/sign-in"): self._show,
            ("POST", "/sign-in"): self._with_key,
            ("GET", "/link"): self._show_link,
            ("POST", "/link"): self._with_link,
            ("POST", "/sign-out"): self._out,
        }

    async def _show(self, arrival: Arrival, error: NumberdeskError | None = None) -> Response:
        status = 200 if error is None else STATUSES[error.code]
        return page(
            "sign_in.html",
            status,
            error=error,
            next=inside(arrival.asked("next") or None),
            over=arrival.asked("over") == "1",
            out=arrival.asked("out") == "1",
        )

    async def _with_key(self, arrival: Arrival) -> Response:
        try:
            name = cookie_name(arrival.origin, self._services.settings.public_url)
            self._attempts.spend(arrival.address)
            caller = await self._entry_point.authenticator.caller(arrival.asked("key").encode())
        except InvalidApiKey:
            return await self._show(arrival, InvalidApiKey(_WRONG))
        except RateLimited as error:
            return await self._show(arrival, RateLimited(_SLOWED, error.details))
        except NumberdeskError as error:
            return await self._show(arrival, error)
        return await self._begin(arrival, name, SignIn("", arrival.now, key_id=caller.key_id))

    async def _show_link(self, arrival: Arrival, error: NumberdeskError | None = None) -> Response:
        """A page with a button: whoever only looks at a link, as previews do, does not use it up."""
        status = 200 if error is None else STATUSES[error.code]
        return page("link.html", status, error=error, token=arrival.asked("token")[:_LONGEST_TOKEN])

    async def _with_link(self, arrival: Arrival) -> Response:
        try:
            name = cookie_name(arrival.origin, self._services.settings.public_url)
            self._attempts.spend(arrival.address)
            link = token_hash(arrival.asked("token")[:_LONGEST_TOKEN])
            return await self._begin(arrival, name, SignIn("", arrival.now, link_hash=link))
        except RateLimited as error:
            return await self._show_link(arrival, RateLimited(_SLOWED, error.details))
        except NumberdeskError as error:
            return await self._show_link(arrival, error)

    async def _begin(self, arrival: Arrival, name: str, wanted: SignIn) -> Response:
        """Begin a session under a new token, whatever the browser sent: nobody can choose a token for another."""
        token = base64.urlsafe_b64encode(self._services.random_bytes(TOKEN_BYTES)).decode().rstrip("=")
        await self._services.writer.submit(sign_in, wanted._replace(token_hash=token_hash(token)))
        self._attempts.give_back(arrival.address)  # whoever gets in is no guesser
        await self._end_former(arrival)
        return redirect(inside(arrival.asked("next") or None), set_cookie(name, token, IDLE // MICROSECONDS))

    async def _out(self, arrival: Arrival) -> Response:
        await self._end_former(arrival)
        name = cookie_name(arrival.origin, self._services.settings.public_url)
        return redirect("/console/sign-in?out=1", set_cookie(name, "", 0))

    async def _end_former(self, arrival: Arrival) -> None:
        former = read_cookie(arrival.origin, arrival.headers)
        if former is not None:
            await self._services.writer.submit(sign_out, token_hash(former))
