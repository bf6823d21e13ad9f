"""Bodies as feeds send them: FreeSWITCH's records, a status callback, or JSON that a mapping reads.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl

from numberdesk.api.shapes import parse_json
from numberdesk.core.call_callback import is_callback
from numberdesk.core.call_forms import CallForm
from numberdesk.core.errors import InvalidRequest, UnsupportedMediaType
from numberdesk.core.freeswitch_cdr import FreeswitchError, is_cdr, parse_cdr, unwrapped

FORM: Final = "application/x-www-form-urlencoded"
_BASE64: Final = "application/x-www-form-base64-encoded"
_PLAIN: Final = "application/x-www-form-plaintext"
_MOST_FIELDS: Final = 200
_UNKNOWN: Final = (
    "is neither a record of FreeSWITCH nor a status callback; another form needs a mapping (numberdesk usage feeds set)"
)


class FeedBody(NamedTuple):
    """What came: documents in a form, and the fields of a form as they were sent, which its signature is over."""

    form: CallForm
    documents: list[Any]
    pairs: list[tuple[str, str]]


def read_body(raw: bytes, media_type: str, declared: CallForm | None) -> FeedBody:
    """Read a body by the form that its feed declares, else by what it looks like.

    Raises InvalidRequest naming `body`, and UnsupportedMediaType.
    """
    text = _text(raw)
    if media_type == _BASE64 or (media_type == FORM and text.startswith("cdr=")):
        return _checked(_freeswitch(text, in_base64=media_type == _BASE64), declared)
    if media_type == FORM:
        pairs = _pairs(text)
        form = CallForm.CALLBACK if declared is None else declared
        return _checked(FeedBody(form, [dict(pairs)], pairs), declared)
    if media_type == _PLAIN or (declared is CallForm.FREESWITCH and _is_json(media_type)):
        return _checked(FeedBody(CallForm.FREESWITCH, [_cdr(text)], []), declared)
    if not _is_json(media_type):
        raise UnsupportedMediaType("Send JSON, or a form as FreeSWITCH and Twilio send them.")
    if declared is CallForm.MAPPING:
        document = parse_json(raw)
        return FeedBody(CallForm.MAPPING, document if isinstance(document, list) else [document], [])
    return _checked(FeedBody(CallForm.FREESWITCH, [_cdr(text)], []), declared)


def _checked(body: FeedBody, declared: CallForm | None) -> FeedBody:
    """The body, when it is of the form that it has to be."""
    if declared is not None and body.form is not declared:
        raise InvalidRequest("body", f"is not of the form of this feed, which is {declared.value}")
    (document,) = body.documents
    known = {CallForm.FREESWITCH: is_cdr, CallForm.CALLBACK: _is_form}.get(body.form)
    if known is not None and not known(document):
        raise InvalidRequest("body", _UNKNOWN)
    return body


def _is_form(document: Any) -> bool:
    return isinstance(document, Mapping) and is_callback(document)


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidRequest("body", "must be UTF-8") from None


def _pairs(text: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise InvalidRequest("body", f"must be a form in UTF-8 of at most {_MOST_FIELDS} fields") from None


def _freeswitch(text: str, *, in_base64: bool) -> FeedBody:
    try:
        return FeedBody(CallForm.FREESWITCH, [parse_cdr(unwrapped(text, in_base64=in_base64))], [])
    except FreeswitchError as error:
        raise InvalidRequest("body", str(error)) from None


def _cdr(text: str) -> Any:
    try:
        return parse_cdr(text)
    except FreeswitchError as error:
        raise InvalidRequest("body", str(error)) from None
