"""What is left in the record of changes of a person who was erased: that somebody did it, by an id alone.

Touches: nothing.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from numberdesk.accounts.actions import Action
from numberdesk.core.kept_json import fields_of
from numberdesk.core.text import folded

_PASSKEY_ID: Final = "pky_"
_TEXTS: Final = ("actor", "what", "object_id", "details", "before", "after")
_NOTHING: Final = {"details": "{}", "before": "{}", "after": "{}"}


def without_person(action: Action, person_id: str, email: str) -> Action:
    """An action without a person's email, wherever it stands; of their own also without from where it came.

    Names of passkeys go, too, which people give after their devices. The same action where nothing of them is in it.
    """
    own = action.actor_id == person_id
    if not own and not any(_names(getattr(action, name), email) for name in _TEXTS):
        return action
    changed: dict[str, Any] = {name: _replaced(getattr(action, name), email, person_id) for name in _TEXTS}
    if own:
        changed.update(actor=person_id, address="")
    if action.object_id.startswith(_PASSKEY_ID):
        changed.update(_NOTHING)
    return action._replace(**changed)


def _names(text: str, email: str) -> bool:
    return email in folded(text.replace("\\\\", "\\"))  # JSON doubles what an email may have one of


def _replaced(text: str, email: str, person_id: str) -> str:
    """A text, or the values of one in JSON, with an id in place of an email."""
    if not _names(text, email):
        return text
    if not text.startswith("{"):
        return _without(text, email, person_id)
    fields = fields_of(text)
    if not fields:  # cut or damaged: no text may keep an email
        return _without(text, email, person_id)
    return json.dumps(_each(fields, email, person_id), ensure_ascii=False)


def _each(value: Any, email: str, person_id: str) -> Any:
    if isinstance(value, Mapping):
        return {name: _each(each, email, person_id) for name, each in value.items()}
    if isinstance(value, list):
        return [_each(each, email, person_id) for each in value]
    return _without(value, email, person_id) if isinstance(value, str) else value


def _without(text: str, email: str, person_id: str) -> str:
    """A text with an id in place of an email, however that is written; a part of a longer email it is not."""
    whole = unicodedata.normalize("NFC", text)
    lowered = unicodedata.normalize("NFC", whole.casefold())
    shown = whole if len(whole) == len(lowered) else lowered
    pieces, start, at = list[str](), 0, lowered.find(email)
    while at >= 0:
        end = at + len(email)
        pieces += [shown[start:at], person_id if _is_whole(lowered, at, end) else shown[at:end]]
        start, at = end, lowered.find(email, end)
    return "".join([*pieces, shown[start:]])


def _is_whole(text: str, at: int, end: int) -> bool:
    """Whether an email stands alone in a text, where the full stop of a sentence may follow it."""
    before, after = text[at - 1 : at], text[end : end + 1]
    goes_on = after.isalnum() or after in ("-", "_") or (after == "." and text[end + 1 : end + 2].isalnum())
    return not (before.isalnum() or before in (".", "+", "-", "_") or goes_on)
