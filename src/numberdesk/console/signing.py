"""Signing in, by a password, a passkey, an API key or a link, and signing out.

Touches: database.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from starlette.responses import Response

from numberdesk.accounts.authenticators import RelyingParty
from numberdesk.accounts.people import LONGEST_EMAIL, Person, parse_email
from numberdesk.accounts.person_store import find_people, find_people_called
from numberdesk.accounts.session_store import find_links, find_signed
from numberdesk.api.client_address import network_of
from numberdesk.api.endpoint import EntryPoint
from numberdesk.api.errors import STATUSES
from numberdesk.api.limits import RateLimit
from numberdesk.api.request_body import Headers
from numberdesk.console.forms import Form
from numberdesk.console.guards import Origin, cookie_name, inside, read_cookie, set_cookie
from numberdesk.console.passkeys import NO_PASSKEYS, asked_to_sign_in, person_of_passkey, relying_party
from numberdesk.console.passwords import PasswordChecks
from numberdesk.console.rendering import page, redirect, told
from numberdesk.core.errors import InvalidApiKey, InvalidRequest, NotFound, NumberdeskError, RateLimited
from numberdesk.core.periods import MICROSECONDS
from numberdesk.flows.accounts.sign_in import IDLE, TOKEN_BYTES, SignIn, new_token, sign_in, sign_out, token_hash
from numberdesk.infra.db import Tx

ATTEMPTS_PER_SECOND: Final = 0.1
ATTEMPTS_AT_ONCE: Final = 10
"""Times that one network may fail to sign in at once; after that one every ten seconds."""

_LONGEST_TOKEN: Final = 100
_LONGEST_BROWSER: Final = 200
_WRONG: Final = (
    "This is not a key that works here: it is mistyped, revoked or expired. Paste all of it; keys begin with nd_live_ "
    "or nd_test_."
)
_NO_FIT: Final = "Email and password do not fit together. If you have forgotten it, ask for a new link."
_NO_PASSKEY: Final = (
    "This passkey lets nobody in: it was removed, its answer came too late, or it is a copy. Try again, or sign in "
    "another way."
)
_LINK_USED: Final = "This link was used already, or is too old. Ask for a new one, or sign in as you usually do."
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

    @property
    def network(self) -> str:
        """By what failed tries are counted."""
        return network_of(self.address)

    @property
    def password(self) -> str:
        """The password that was typed, blanks and all."""
        return self.form.get("password", [""])[-1]

    @property
    def browser(self) -> str:
        """What the browser calls itself."""
        text = self.headers.get(b"user-agent", b"").decode("ascii", "replace")[:_LONGEST_BROWSER]
        return "".join(sign for sign in text if sign.isprintable())


Opener = Callable[[Arrival], Awaitable[Response]]


class SignInPages:
    """The pages for whoever is not signed in."""

    def __init__(self, entry_point: EntryPoint, passwords: PasswordChecks) -> None:
        self._entry_point = entry_point
        self._services = entry_point.services
        self._passwords = passwords
        # The bucket of a network holds ATTEMPTS_AT_ONCE, and of networks only the latest are remembered.
        self._attempts = RateLimit(ATTEMPTS_PER_SECOND / ATTEMPTS_AT_ONCE, times=ATTEMPTS_AT_ONCE)
        self._asked = RateLimit(ATTEMPTS_PER_SECOND / ATTEMPTS_AT_ONCE, times=ATTEMPTS_AT_ONCE)
        self.openers: dict[tuple[str, str], Opener] = {
            ("GET", "/sign-in"): self._show,
            ("POST", "/sign-in"): self._with_what_is_sent,
            ("POST", "/sign-in/passkey"): self._ask_passkey,
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
            email=arrival.asked("email")[:LONGEST_EMAIL],
            kept=arrival.asked("kept"),
            passkeys=self._party(arrival) is not None,
        )

    def show_over(self, kept: str, origin: Origin) -> Response:
        """The page for whoever sent a form after their session: the form goes along (kept_forms.py)."""
        passkeys = relying_party(origin, self._services.settings.public_url) is not None
        return page(
            "sign_in.html", 401, error=None, next="/console/", over=True, out=False, email="", kept=kept,
            passkeys=passkeys,
        )  # fmt: skip

    def _party(self, arrival: Arrival) -> RelyingParty | None:
        return relying_party(arrival.origin, self._services.settings.public_url)

    async def _ask_passkey(self, arrival: Arrival) -> Response:
        """What a browser's passkey is to sign. It is written down, so no network asks for many at once."""
        party = self._party(arrival)
        try:
            if party is None:
                raise NotFound(NO_PASSKEYS)
            self._asked.spend(arrival.network)
            return told(await asked_to_sign_in(self._services, self._passwords, party, arrival.now))
        except RateLimited as error:
            return told({"error": _SLOWED}, STATUSES[error.code])
        except NumberdeskError as error:
            return told({"error": error.message}, STATUSES[error.code])

    async def _with_what_is_sent(self, arrival: Arrival) -> Response:
        by, wrong = self._by_password, _NO_FIT
        if "key" in arrival.form:
            by, wrong = self._by_key, _WRONG
        elif "credential" in arrival.form:
            by, wrong = self._by_passkey, _NO_PASSKEY
        try:
            name = cookie_name(arrival.origin, self._services.settings.public_url)
            self._attempts.spend(arrival.network)
            return await self._begin(arrival, name, await by(arrival))
        except InvalidApiKey:
            return await self._show(arrival, InvalidApiKey(wrong))
        except RateLimited as error:
            own = error.message != RateLimited.sentence
            return await self._show(arrival, error if own else RateLimited(_SLOWED, error.details))
        except NumberdeskError as error:
            return await self._show(arrival, error)

    async def _by_key(self, arrival: Arrival) -> SignIn:
        caller = await self._entry_point.authenticator.caller(arrival.asked("key").encode())
        self._entry_point.rate_limits.spend(caller.account_id, caller.key_id)
        return SignIn("", arrival.now, key_id=caller.key_id)

    async def _by_password(self, arrival: Arrival) -> SignIn:
        """The person of an email and password. Whether there is one of that email is told by nothing, nor by time."""
        try:
            email = parse_email(arrival.asked("email"))
        except InvalidRequest:
            email = ""  # nobody's, and counted and compared like any other
        found = await self._services.reader.look_up(lambda tx: find_people_called(tx, [email]))
        person = found.get(email)
        stored = None if person is None else person.password
        right = await self._passwords.is_password(email, arrival.password, stored, arrival.address)
        if not right or person is None:
            raise InvalidApiKey
        self._entry_point.rate_limits.spend(person.account_id, person.id)
        return SignIn("", arrival.now, key_id=person.id, proven=stored)

    async def _by_passkey(self, arrival: Arrival) -> SignIn:
        party = self._party(arrival)
        if party is None:
            raise NotFound(NO_PASSKEYS)
        answer = arrival.asked("credential")
        wanted = await person_of_passkey(self._services, self._passwords, party, answer, arrival.address, arrival.now)
        self._entry_point.rate_limits.spend(wanted.account_id, wanted.person_id)
        return SignIn("", arrival.now, key_id=wanted.person_id, passkey=wanted.used)

    async def _show_link(self, arrival: Arrival, error: NumberdeskError | None = None) -> Response:
        """A page with a button: whoever only looks at a link, as previews do, does not use it up."""
        status = 200 if error is None else STATUSES[error.code]
        person = await self._invited(arrival)
        token = arrival.asked("token")[:_LONGEST_TOKEN]
        return page("link.html", status, error=error, token=token, email=None if person is None else person.email)

    async def _invited(self, arrival: Arrival) -> Person | None:
        """The person of a link that is still good; None where it is of a key, or of nobody."""
        hashed = token_hash(arrival.asked("token")[:_LONGEST_TOKEN])

        def find(tx: Tx) -> Person | None:
            link = find_links(tx, [hashed], lock=False).get(hashed)
            if link is None or link.expires_at <= arrival.now:
                return None
            return find_people(tx, [link.key_id]).get(link.key_id)

        return await self._services.reader.look_up(find)

    async def _with_link(self, arrival: Arrival) -> Response:
        try:
            name = cookie_name(arrival.origin, self._services.settings.public_url)
            self._attempts.spend(arrival.network)
            wanted = SignIn("", arrival.now, link_hash=token_hash(arrival.asked("token")[:_LONGEST_TOKEN]))
            person = await self._invited(arrival)
            if person is not None:
                chosen = await self._passwords.hash(arrival.password, person.email, self._services.random_bytes)
                wanted = wanted._replace(password=chosen)
            return await self._begin(arrival, name, wanted)
        except RateLimited as error:
            return await self._show_link(arrival, RateLimited(_SLOWED, error.details))
        except InvalidApiKey:
            return await self._show_link(arrival, NotFound(_LINK_USED))
        except NumberdeskError as error:
            return await self._show_link(arrival, error)

    async def _begin(self, arrival: Arrival, name: str, wanted: SignIn) -> Response:
        """Begin a session under a new token, whatever the browser sent: nobody can choose a token for another."""
        token = new_token(self._services.random_bytes(TOKEN_BYTES))
        begun = wanted._replace(token_hash=token_hash(token), address=arrival.address, browser=arrival.browser)
        await self._services.writer.submit(sign_in, begun)
        self._attempts.give_back(arrival.network)  # whoever gets in is no guesser
        if begun.passkey is not None:
            self._asked.give_back(arrival.network)
        await self._end_former(arrival)
        return redirect(inside(arrival.asked("next") or None), set_cookie(name, token, IDLE // MICROSECONDS))

    async def _out(self, arrival: Arrival) -> Response:
        await self._end_former(arrival)
        name = cookie_name(arrival.origin, self._services.settings.public_url)
        return redirect("/console/sign-in?out=1", set_cookie(name, "", 0))

    async def _end_former(self, arrival: Arrival) -> None:
        """End the session of the cookie that was sent, if it is one: whoever is nobody makes the writer do nothing."""
        former = read_cookie(arrival.origin, arrival.headers)
        if former is None:
            return
        hashed = token_hash(former)
        if await self._services.reader.look_up(lambda tx: find_signed(tx, hashed, arrival.now, IDLE)) is not None:
            await self._services.writer.submit(sign_out, hashed)
