"""Killed with -9 while sessions expire or end: whoever comes next frees what was held once, and charges each call once."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from numberdesk.core.call_charging import CallTerms
from numberdesk.core.call_record import Direction
from numberdesk.core.money import MICROS
from numberdesk.core.purchase import POOL, Sold
from numberdesk.core.session import OpenSession, SessionAnswer
from numberdesk.flows.usage.end_sessions import EndSession, end_sessions
from numberdesk.flows.usage.expire_sessions import SESSIONS, session_expiry
from numberdesk.flows.usage.hold_sessions import open_sessions
from numberdesk.flows.usage.set_usage_terms import set_call_terms
from numberdesk.infra.clock import now as time_of_day
from numberdesk.infra.db import Database
from numberdesk.infra.due_work import points_of
from testbed.service import Service
from tests.flows.conftest import PRICE, Shop

CALLS: Final = 4
ENGINES: Final = ("sqlite", "postgresql")
NOTED: Final = tuple(f"{SESSIONS}.acted:{point}" for point in ("taken", "begun", "applied", "committed", "resolved"))
POINTS: Final = (*points_of(SESSIONS), *NOTED)
