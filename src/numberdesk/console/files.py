"""A file that a form sends, passed on to an endpoint as the body of its request.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from starlette.types import Receive

from numberdesk.api.request_body import Headers
from numberdesk.console.forms import Upload
from numberdesk.console.kept_forms import refuse_form_of_others
from numberdesk.console.visit import Visit


class SentFile(NamedTuple):
    """A file on its way, and the headers that an endpoint reads with it."""

    receive: Receive
    headers: Headers


async def send_file(visit: Visit, fields: Collection[str]) -> SentFile:
    """The file of a form, whose other fields stand before it and are noted. Raises what is wrong with the form."""
    upload = Upload(visit.headers, visit.receive)
    try:
        await upload.begin("file")
    finally:
        visit.form = {name: values for name, values in upload.fields.items() if name in fields}
    refuse_form_of_others(upload.fields, visit.caller)
    kept = {name: value for name, value in visit.headers.items() if name != b"content-length"}
    return SentFile(upload.receive, {**kept, b"content-type": b"text/csv"})
