"""A database for every test that wants one, on every engine: prepared once a session, then copied."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from numberdesk.infra.db import Database
from testbed.compiled import compile_once
from testbed.databases import ENGINES, Databases, databases
from testbed.memory import scratch

# How long an example takes says nothing on a machine that does other things beside. The same examples every time, so
# that what fails is what was changed; `make test-long` looks for new ones.
settings.register_profile("numberdesk", deadline=None, derandomize=True)
settings.register_profile("fresh", deadline=None)
settings.load_profile("numberdesk")


def pytest_configure() -> None:
    """Let pytest make its folders where databases are quick, and their SQL be compiled once."""
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(scratch()))
    compile_once()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Leave what was loaded and collected to itself: a million objects that last, which the collector would visit."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Leave repetitions to the long run; what is slow comes first, or at the end all others would wait for it."""
    _leave_to_the_long_run(items)
    yield
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def _leave_to_the_long_run(items: list[pytest.Item]) -> None:
    """Leave to `make test-long` what a file says of its engines, and why.

    `POSTGRESQL_IN_THE_LONG_RUN`: PostgreSQL's half hardly matters. `ENGINES_TAKE_TURNS`: of a test with values,
    each value is tried on one engine, and the next on the other.
    """
    places: dict[str, dict[str, int]] = {}
    for item in items:
        params = getattr(getattr(item, "callspec", None), "params", {})
        engine, module = params.get("engine"), getattr(item, "module", None)
        if engine == "postgresql" and hasattr(module, "POSTGRESQL_IN_THE_LONG_RUN"):
            item.add_marker(pytest.mark.long)
        if engine in ENGINES and len(params) > 1 and hasattr(module, "ENGINES_TAKE_TURNS"):
            values = re.sub(rf"(?<=[\[-]){engine}(?=[\]-])", "", item.name)
            seen = places.setdefault(item.nodeid.partition("[")[0], {})
            if seen.setdefault(values, len(seen)) % len(ENGINES) != ENGINES.index(engine):
                item.add_marker(pytest.mark.long)


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The engine that a test runs on: whoever asks for it, or for a database, runs on each."""
    return str(request.param)


@pytest.fixture(scope="session")
def sources() -> Iterator[dict[str, Databases]]:
    """What was made for each engine so far: tests change between engines, and a server takes seconds to start."""
    sources: dict[str, Databases] = {}
    yield sources
    for source in sources.values():
        source.close()


@pytest.fixture(scope="session")
def made(engine: str, sources: dict[str, Databases], tmp_path_factory: pytest.TempPathFactory) -> Databases:
    """Where databases of the engine come from; a PostgreSQL server of this process's own."""
    if engine not in sources:
        sources[engine] = databases(engine, tmp_path_factory.mktemp("prepared"))
    return sources[engine]


@pytest.fixture
def database_url(made: Databases, tmp_path: Path) -> Iterator[str]:
    """The address of an empty, prepared database of the test's own."""
    url = made.prepared(tmp_path)
    yield url
    made.done(url)


@pytest.fixture
def empty_url(made: Databases, tmp_path: Path) -> Iterator[str]:
    """The address of a database without a schema."""
    url = made.empty(tmp_path)
    yield url
    made.done(url)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty, prepared database of the test's own."""
    database = Database(database_url)
    yield database
    database.close()
