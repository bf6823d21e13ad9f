"""A copy of PostgreSQL's programs, made where their own folder is closed to the user they run as, is complete."""

from __future__ import annotations

import subprocess
from pathlib import Path

from testbed.postgres import binaries, copy_programs


def test_copied_programs_bring_the_libraries_that_they_look_for_beside_themselves(tmp_path: Path) -> None:
    copy_programs(binaries().parents[2], tmp_path)
    for program in ("initdb", "postgres", "pg_basebackup"):
        found = subprocess.run([*tmp_path.glob(f"*/*/bin/{program}"), "--version"], capture_output=True, check=True)
        assert b"PostgreSQL" in found.stdout
