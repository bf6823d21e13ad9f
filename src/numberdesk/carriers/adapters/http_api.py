"""What all adapters do alike: where requests go, which way a failure counts, how an answer is read.

Touches: nothing.

Reading calls raise CarrierError. An order is never in an exception: what came of it is a word, or an
answer that the adapter reads by its carrier's own table.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from numberdesk.carriers.papers import FIELD as PAPERS_FOR
from numberdesk.carriers.port import VISIBILITY_WINDOW, Carrier, CarrierError, Field, Setup, Trouble
from numberdesk.core.carrier_order import NotSent, Reason, Refused, Unknown
from numberdesk.core.errors import InvalidRequest
from numberdesk.core.periods import MICROSECONDS
from numberdesk.core.schedule import LONGEST_MESSAGE
from numberdesk.infra.http import Http, HttpRequest, HttpResponse, NoAnswerError, NotSentError

Shape = TypeVar("Shape")

COMMON_FIELDS: Final = (
    Field("base_url", "where its API is, for a mock or a proxy", required=False, example="http://127.0.0.1:9000"),
    Field("at_once", "requests that run at once, 1 to 200 (20)", required=False, example="20"),
    Field("read_seconds", "longest wait for an answer to a search or look-up (10)", required=False, example="10"),
    Field("order_seconds", "longest wait for an answer to an order (30)", required=False, example="30"),
    Field("window_seconds", "how long its lists may hide what was bought (900)", required=False, example="900"),
    Field(PAPERS_FOR, "countries whose numbers are sold with papers only", required=False, example="DE,FR:mobile"),
)
"""What every account at a carrier may be set up with."""


class CarrierKind(NamedTuple):
    """A carrier: its own fields, how its adapter is built, and the fields that say which account there it is.

    `minute_costs` are the directions of calls of which it tells what a minute costs: inbound, outbound. `papers` are
    those fields that name papers which orders are sent with, in the place of which a customer's may be sent.
    `registers_addresses`: it has emergency addresses under ids.
    """

    fields: tuple[Field, ...]
    build: Callable[[Setup, Http], Carrier]
    identity: tuple[str, ...] = ()
    minute_costs: tuple[str, ...] = ()
    papers: tuple[str, ...] = ()
    registers_addresses: bool = False

    @property
    def all_fields(self) -> tuple[Field, ...]:
        """Its own fields, then those that all carriers have."""
        return (*self.fields, *COMMON_FIELDS)


_MOST_SECONDS: Final = 86_400
_SHORTEST_SECRET: Final = 8
_NOT_IN_BASE: Final = frozenset("@?#\\ ")
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_WORDS: Final = {
    "ConnectError": "no connection",
    "ReadError": "the connection was cut before the whole answer came",
    "WriteError": "the connection was cut while the request was sent",
    "RemoteProtocolError": "no whole answer by HTTP",
}
_UNAUTHORIZED, _FORBIDDEN, _THROTTLED, _BROKEN = 401, 403, 429, 500
_REFUSALS: Final = range(400, 500)
UNDECIDED: Final = (408, 409, 425, 429)
"""Said of a request that may have been, or may yet be, processed: timeout, conflict, too early, too many."""
_UNFINISHED: Final = (408, 425)
"""Of these, those that no code beside them decides: what was sent may not have been read to its end."""
_OK, _REDIRECT = 200, 300
_OF_ACCOUNT: Final = (401, 402, 403)


class Call(NamedTuple):
    """One request to a carrier. `query` and `form` are pairs, in order; `json` is encoded; at most one body."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    form: Sequence[tuple[str, str]] | None = None
    json: Any = None
    body: bytes | None = None
    headers: Mapping[str, str] = {}


class CarrierHttpApi:
    """Requests of one account at a carrier. `authorization` is the header of that name."""

    def __init__(self, setup: Setup, http: Http, *, base_url: str, authorization: str) -> None:
        self._http = http
        self._base_url = (setup.get("base_url") or base_url).rstrip("/")
        self._authorization = authorization
        self._secrets = _secrets(authorization)
        self._read_seconds = float(setup.get("read_seconds", "10"))
        self._order_seconds = float(setup.get("order_seconds", "30"))
        self.window = round(float(setup.get("window_seconds") or VISIBILITY_WINDOW / MICROSECONDS) * MICROSECONDS)

    async def read(self, call: Call, *, base_url: str | None = None) -> HttpResponse:
        """Ask something that may be asked twice. An answer is a success, or a refusal other than those raised here.

        Raises CarrierError: unreachable, failing (5xx), credentials (401, 403), throttled (429).
        """
        return await self._asked(self._request(call, self._read_seconds, base_url=base_url, once=False))

    async def make(self, call: Call, *, base_url: str | None = None) -> HttpResponse:
        """Ask for something that there would be two of if it were asked twice. As `read`, and sent once."""
        return await self._asked(self._request(call, self._read_seconds, base_url=base_url, once=True))

    async def _asked(self, request: HttpRequest) -> HttpResponse:
        try:
            answer = await self._sent(request)
        except (NotSentError, NoAnswerError) as error:
            raise CarrierError(Trouble.UNREACHABLE, _in_words(error, request)) from None
        if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
            raise CarrierError(Trouble.CREDENTIALS, f"HTTP {answer.status}{excerpt(answer)}")
        if answer.status == _THROTTLED:
            raise CarrierError(Trouble.THROTTLED, f"HTTP 429{excerpt(answer)}", retry_after(answer))
        if answer.status >= _BROKEN:
            raise CarrierError(Trouble.FAILING, f"HTTP {answer.status}{excerpt(answer)}")
        return answer

    async def order(self, call: Call) -> HttpResponse | NotSent | Refused | Unknown:
        """Send an order, once. A word where the outcome does not depend on what the carrier's answer says.

        429 is a refusal: nothing was processed (https://www.twilio.com/docs/api/errors/20429, and by RFC 6585).
        """
        request = self._request(call, self._order_seconds, base_url=None, once=True)
        try:
            answer = await self._sent(request)
        except NotSentError as error:
            return NotSent(_in_words(error, request))
        except NoAnswerError as error:
            return Unknown(_in_words(error, request))
        if answer.status == _THROTTLED:
            return Refused(Reason.THROTTLED, f"HTTP 429{excerpt(answer)}", retry_after(answer))
        if answer.status >= _BROKEN:
            return Unknown(f"HTTP {answer.status}{excerpt(answer)}")
        return answer

    async def _sent(self, request: HttpRequest) -> HttpResponse:
        """The answer, without our credentials: error pages echo requests, and parts of answers are shown and stored."""
        answer = await self._http.send(request)
        body = answer.body
        for secret in self._secrets:
            body = body.replace(secret, b"***")
        return answer._replace(body=body)

    def _request(self, call: Call, seconds: float, *, base_url: str | None, once: bool) -> HttpRequest:
        url = f"{self._rebased(base_url)}{call.path}"
        if call.query:
            url += f"?{urlencode(call.query)}"
        headers = {"Authorization": self._authorization, "Accept": "application/json", **call.headers}
        body = call.body or b""
        if call.form is not None:
            body = urlencode(call.form).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        elif call.json is not None:
            body = msgspec.json.encode(call.json)
            headers["Content-Type"] = "application/json"
        return HttpRequest(call.method, url, headers, body, seconds, once)

    def _rebased(self, base_url: str | None) -> str:
        """Another host of the same carrier, unless requests go to a stand-in, which then has everything."""
        parts = urlsplit(self._base_url)
        if base_url is None or parts.scheme == "http" or parts.hostname in _LOOPBACK:
            return self._base_url
        return base_url


def _in_words(error: NotSentError | NoAnswerError, request: HttpRequest) -> str:
    """Why no answer came, for people: which host, and what happened, not what the HTTP library calls it."""
    name, _, more = str(error).partition(": ")
    message = f"{urlsplit(request.url).netloc}: {_WORDS.get(name, name)}"
    return f"{message} ({more})" if more else message


def basic(user: str, password: str) -> str:
    """The Authorization header of HTTP Basic."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _secrets(authorization: str) -> tuple[bytes, ...]:
    """What must not be shown of an Authorization header: the credential, and of Basic also the bare password."""
    scheme, _, credential = authorization.partition(" ")
    password = base64.b64decode(credential).partition(b":")[2] if scheme == "Basic" else b""
    return tuple(secret for secret in (credential.encode(), password) if len(secret) >= _SHORTEST_SECRET)


def decoded(answer: HttpResponse, shape: type[Shape]) -> Shape:
    """The body as a shape; fields it does not name are ignored. Raises CarrierError for anything else."""
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise CarrierError(
            Trouble.UNREADABLE, f"HTTP {answer.status} with a body that is not as documented: {error}"[:LONGEST_MESSAGE]
        ) from None


def each(items: Sequence[msgspec.Raw], shape: type[Shape]) -> list[Shape | None]:
    """The items of a list as a shape, None for each that is something else: a bad one costs itself and not the list."""
    found: list[Shape | None] = []
    for item in items:
        try:
            found.append(msgspec.json.decode(item, type=shape))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
            found.append(None)
    return found


def refused(answer: HttpResponse) -> CarrierError:
    """The error for an answer that is a refusal where none is documented."""
    return CarrierError(Trouble.REFUSED, f"HTTP {answer.status}{excerpt(answer)}")


def refusal(status: int, message: str, reason: Reason | None = None) -> Refused | Unknown:
    """What an answer to an order means that holds the carrier's own words for an error.

    `reason` is what the adapter's table has for them. Without one a documented 4xx is a refusal all the same, for
    what the status says; but for those statuses that leave open whether the order is processed, 408 and 425 whatever
    the words.
    """
    if status in _UNFINISHED:
        return Unknown(message)
    if reason is None:
        if status not in _REFUSALS or status in UNDECIDED:
            return Unknown(message)
        reason = Reason.ACCOUNT if status in _OF_ACCOUNT else Reason.OTHER
    return Refused(reason, message)


def excerpt(answer: HttpResponse) -> str:
    """The beginning of what a carrier said, in printable signs."""
    text = answer.body[:LONGEST_MESSAGE].decode("utf-8", "replace")
    shown = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return f": {shown[:200]}" if shown else ""


def succeeded(answer: HttpResponse, shape: type[Shape]) -> Shape:
    """The body of a success as a shape. Raises CarrierError."""
    if not _OK <= answer.status < _REDIRECT:
        raise refused(answer)
    return decoded(answer, shape)


def plain_refusal(answer: HttpResponse) -> bool:
    """Whether an answer is an error in plain text: said to be that, one line of it, and no markup."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = answer.body.strip()
    is_line = 0 < len(body) <= LONGEST_MESSAGE and body.isascii() and body.decode("ascii", "replace").isprintable()
    decided = answer.status in _REFUSALS and answer.status not in UNDECIDED
    return decided and kind == "text/plain" and is_line and body[:1] not in (b"<", b"{", b"[")


def retry_after(answer: HttpResponse) -> int | None:
    """The seconds of a Retry-After header; None where it is missing or a date."""
    text = answer.headers.get("retry-after", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(_MOST_SECONDS)) else None


def check_common(setup: Setup) -> None:
    """Check the fields that all carriers have. Raises InvalidRequest naming the field."""
    base_url = setup.get("base_url")
    if base_url and not _is_base_url(base_url):
        raise InvalidRequest(
            "base_url", "must be an address like https://api.example.com, without user, query and fragment"
        )
    for name, lowest, highest in (
        ("at_once", 1, 200),
        ("read_seconds", 1, 60),
        ("order_seconds", 1, 120),
        ("window_seconds", 0, _MOST_SECONDS),
    ):
        text = setup.get(name)
        if text and not (text.isascii() and text.isdigit() and len(text) <= 5 and lowest <= int(text) <= highest):  # noqa: PLR2004  digits of a day
            raise InvalidRequest(name, f"must be a whole number from {lowest} to {highest}")


def _is_base_url(text: str) -> bool:
    """Whether it could be one; whether requests may go there is for infra/egress.py to say."""
    try:
        parts = urlsplit(text)
        named = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
        return bool(named) and not _NOT_IN_BASE.intersection(text)
    except ValueError:  # brackets that do not match, a port that is none
        return False
