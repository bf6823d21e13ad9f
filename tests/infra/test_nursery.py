"""What tests start from the nursery is a process as any: with its own arguments, folder, variables, output and end."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from testbed import nursery

PATIENCE = 60.0
SHOW = """
import os, sys
print(sys.argv[1:], os.getcwd(), sorted(os.environ), os.getpid())
print("beside", file=sys.stderr)
sys.exit(3)
"""
SLEEP = "import time; print('here', flush=True); time.sleep(600)"


def _program(folder: Path, text: str) -> dict[str, str]:
    """Put a program where the nursery finds modules; the variables that a process of it gets."""
    (folder / "program").mkdir()
    (folder / "program" / "__main__.py").write_text(text)
    return {"PATH": os.environ["PATH"]}


def test_it_has_its_own_arguments_folder_variables_output_and_status(tmp_path: Path) -> None:
    env = _program(tmp_path, SHOW)
    done = nursery.run("program", "--one", "two", cwd=tmp_path, env=env, timeout=PATIENCE)
    assert done.returncode == 3
    assert done.stdout.startswith(f"['--one', 'two'] {tmp_path} ['PATH'] ")
    assert int(done.stdout.split()[-1]) != os.getpid()
    assert done.stderr == "beside\n"


def test_it_can_be_waited_for_and_killed(tmp_path: Path) -> None:
    env = _program(tmp_path, SLEEP)
    with tempfile.TemporaryFile() as output:
        process = nursery.start("program", cwd=tmp_path, env=env, stdout=output, stderr=output)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        assert process.poll() is None
        process.kill()
        assert process.wait(PATIENCE) == process.poll() == -signal.SIGKILL
        process.kill()  # which tells nobody else, when it has ended
