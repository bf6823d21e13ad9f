"""Import of inventory by upload: sent, followed, and what came of it.

Touches: nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.responses import Response, StreamingResponse

from numberdesk.api.import_watch import ImportWatch, watched
from numberdesk.api.routing import known_error
from numberdesk.console.forms import Upload
from numberdesk.console.imports import ImportJob
from numberdesk.console.kept_forms import refuse_form_of_others
from numberdesk.console.rendering import page, redirect
from numberdesk.console.screens import screen, show
from numberdesk.console.tables import CSV, file_headers
from numberdesk.console.visit import Visit
from numberdesk.core.errors import BodyTooLarge, NotFound, NumberdeskError, Overloaded
from numberdesk.core.periods import iso_seconds

_IMPORT: Final = "POST /admin/inventory/import"
_HERE: Final = "/console/inventory"
_AROUND: Final = 65_536
"""What a form takes beside its file."""

_SOON: Final = 1.0
"""Seconds that a short import is waited for, so that its page has the outcome at once."""

_GONE: Final = (
    "There is no such import here: it ended a while ago, the service was started anew, or another of its processes "
    "has it. The same file sent again changes nothing that is there."
)
_STOPPED: Final = "The import was stopped. What it had saved stays; the same file sent again does the rest."


@screen("POST", "/inventory/import", _IMPORT, reads_form=False)
async def import_file(visit: Visit) -> Response:
    """Take a file in; it is checked and saved while its page tells how far that is."""
    try:
        _refuse_large(visit)
        visit.imports.check_room()
        upload = Upload(visit.headers, visit.receive)
        await upload.begin("file")
        refuse_form_of_others(upload.fields, visit.caller)
    except NumberdeskError as error:
        visit.error = error
        return show(visit, "import.html", _HERE, "Import", job=None)
    visit.form = upload.fields
    services = visit.entry_point.services
    began = iso_seconds(visit.now)
    job = ImportJob(services.new_id("imp"), upload.file_name[:200], bool(visit.sent("dry_run")), began, ImportWatch())
    task = visit.imports.begin(job, _run(visit, job, upload))
    arrived = asyncio.ensure_future(job.watch.received.wait())
    await asyncio.wait({task, arrived}, return_when=asyncio.FIRST_COMPLETED)
    arrived.cancel()
    if not job.watch.received.is_set():  # refused before it was whole: the form is shown again
        visit.error = job.error
        visit.imports.forget(job)
        return show(visit, "import.html", _HERE, "Import", job=None)
    await asyncio.wait({task}, timeout=_SOON)
    return redirect(f"{_HERE}/imports/{job.id}")


@screen("GET", "/inventory/imports/{import_id}", _IMPORT)
async def import_page(visit: Visit) -> Response:
    """One import, how far it is or what came of it."""
    return show(visit, "import.html", _HERE, "Import", job=_found(visit))


@screen("GET", "/inventory/imports/{import_id}/state", _IMPORT)
async def import_state(visit: Visit) -> Response:
    """The part of its page that changes."""
    return page("import_state.html", job=_found(visit))


@screen("POST", "/inventory/imports/{import_id}/stop", _IMPORT)
async def stop_import(visit: Visit) -> Response:
    """Stop an import: what it has saved stays."""
    job = _found(visit)
    if job.task is not None:
        job.task.cancel()
        await asyncio.wait({job.task})
    return redirect(f"{_HERE}/imports/{job.id}")


@screen("GET", "/inventory/imports/{import_id}/rejects", _IMPORT)
async def rejected_lines(visit: Visit) -> Response:
    """The lines that were left out, each with its reason, to be mended and sent again."""
    job = _found(visit)
    if job.is_running:
        raise NotFound("The import has not ended yet.")

    async def whole() -> AsyncIterator[bytes]:
        for piece in job.watch.rejected():
            yield piece

    return StreamingResponse(whole(), media_type=CSV, headers=file_headers("rejected-lines"))


async def _run(visit: Visit, job: ImportJob, upload: Upload) -> None:
    """Ask the endpoint, which takes the file from the upload; keep what it answers."""
    query = {
        "dry_run": "true" if job.dry_run else "",
        "skip_bad": "true" if visit.sent("skip_bad") else "",
        "country": visit.sent("country").strip(),
    }
    headers = {**visit.headers, b"content-type": b"text/csv"}
    try:
        with watched(job.watch):
            job.report = (await visit.ask(_IMPORT, query=query, receive=upload.receive, headers=headers)).data
    except asyncio.CancelledError:
        job.error = Overloaded(_STOPPED)
    except Exception as raised:  # noqa: BLE001  whatever it is, the page says it
        scope: Any = {"state": {"request_id": visit.request_id}, "path": visit.address, "method": "POST"}
        job.error = known_error(raised, scope)


def _refuse_large(visit: Visit) -> None:
    """Refuse a file by the size that its browser announces, before any of it is read."""
    most = visit.entry_point.services.settings.import_limit_bytes
    announced = visit.headers.get(b"content-length", b"0")
    if announced.isdigit() and (len(announced) > 18 or int(announced) > most + _AROUND):  # noqa: PLR2004
        said = f"The file has more than {most:,} bytes, the most there may be. Split it, or import it at a terminal."
        raise BodyTooLarge(said, details={"limit_bytes": most})


def _found(visit: Visit) -> ImportJob:
    job = visit.imports.find(visit.path["import_id"])
    if job is None:
        raise NotFound(_GONE)
    return job
