"""Files that nobody but their owner may read, from the moment they are there.

Touches: files.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600


def create_private(path: Path) -> bool:
    """Make an empty file that only its owner may read and write, whatever the umask; return whether it was made.

    One that is there already is left as it is: its owner may have opened it to a group. Raises OSError.
    """
    try:
        made = os.open(path.resolve(), os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE)
    except FileExistsError:
        return False
    try:
        path.chmod(PRIVATE)  # an umask may have taken from the owner, too
    finally:
        os.close(made)
    return True
