"""What somebody sent whose session had ended: kept on the page to sign in, and put back into the form afterwards.

Touches: nothing.

It goes along in the browser and is stored nowhere. Each form names for whom it was shown, so that it comes back to that
person alone. Nothing is sent by itself: the page with the form is shown again, filled in.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote_plus, unquote, urlencode, urlsplit

import msgspec

from numberdesk.accounts.model import Caller
from numberdesk.api.request_body import Headers
from numberdesk.console.forms import Form
from numberdesk.console.guards import Origin, inside
from numberdesk.core.errors import Forbidden

SHOWN_TO: Final = "shown_to"
"""The field of each form that says for whom it was shown."""

SECRETS: Final = frozenset({"password", "current_password", "key", "api_secret"})
"""Fields that are never kept: every one that templates have as a password."""

NEVER_KEPT: Final = "secret."
"""How the names of others begin that are not kept either: those of carriers, which name theirs themselves."""

_SHOWN_TO_OTHERS: Final = (
    "This form was shown to somebody else, or while you acted for another account, so nothing was done. Open the page "
    "anew."
)
_LONGEST: Final = 16_384
_FORM: Final = re.compile(r'<form [^<>]*method="post"[^<>]*>')


class KeptForm(msgspec.Struct, frozen=True):
    """What was sent: where it went, the page that it was on, and its fields."""

    action: str
    page: str
    fields: Form

    @property
    def shown_to(self) -> str:
        """For whom the form was shown; empty where that is not known."""
        return self.fields.get(SHOWN_TO, [""])[-1]

    def pages(self) -> Iterator[tuple[str, str]]:
        """Where the form may be: paths, each with a query, the likeliest first."""
        at = urlsplit(self.page)
        yield unquote(at.path), at.query
        above = self.action
        for _ in range(3):
            yield above, ""
            above = above.rpartition("/")[0]
        yield self.action, urlencode(self.fields, doseq=True)


def shown_to(caller: Caller) -> str:
    """A word for somebody, and the account for which they act, that tells nothing of them."""
    return hashlib.sha256(f"form {caller.key_id} {caller.account_id}".encode()).hexdigest()[:24]


def name_in_forms(html: str, caller: Caller) -> str:
    """A page whose forms say for whom they were shown."""
    field = f'<input type="hidden" name="{SHOWN_TO}" value="{shown_to(caller)}">'
    return _FORM.sub(lambda found: found[0] + field, html)


def refuse_form_of_others(form: Form, caller: Caller) -> None:
    """Take the word out of a form that says for whom it was shown. Raises Forbidden where that is somebody else."""
    mine = shown_to(caller)
    if form.pop(SHOWN_TO, [mine])[-1] != mine:
        raise Forbidden(_SHOWN_TO_OTHERS)


def kept(action: str, form: Form, origin: Origin, headers: Headers, limit: int) -> str | None:
    """What was sent, without secrets, as the page to sign in has it; None where it is nobody's, or too much."""
    sent = urlsplit(headers.get(b"referer", b"").decode("latin-1"))
    page = f"{sent.path}?{sent.query}" if sent.query else sent.path
    here = f"{sent.scheme}://{sent.netloc}" == origin.text and inside(page) == page
    fields = {name: values for name, values in form.items() if name not in SECRETS and not name.startswith(NEVER_KEPT)}
    found = KeptForm(action, page if here else action, fields)
    text = msgspec.json.encode(found).decode()
    fits = len(quote_plus(text)) <= min(_LONGEST, limit // 2)
    return text if found.shown_to and fits else None


def read_kept(text: str) -> KeptForm | None:
    """What was kept, as it comes back; None for anything else."""
    try:
        found = msgspec.json.decode(text, type=KeptForm) if len(text) <= _LONGEST else None
    except msgspec.MsgspecError:
        return None
    return found if found is not None and inside(found.action) == found.action else None
