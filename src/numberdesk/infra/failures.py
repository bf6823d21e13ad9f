"""What can go wrong with the database: the errors that every engine's failures are told as.

Touches: nothing.

    DatabaseError                the database cannot be used as it is: address, schema, settings
    StorageFailedError           it could not take a change; nothing of it was kept
      TryAgainError              and the same change may succeed at once: lost connection, deadlock
      UnfitServerError           until an operator changes the server, which could lose what it acknowledges
      CommitUnknownError         the exception: the commit was sent and nobody could be asked what became of it
"""

from __future__ import annotations


class DatabaseError(RuntimeError):
    """The database cannot be used as it is; the text says what to do."""


class StorageFailedError(RuntimeError):
    """The database could not take a change: full, locked, read-only, damaged or gone. Nothing of it was kept."""


class TryAgainError(StorageFailedError):
    """Nothing was kept, and the reason may be over already: a connection that was cut, a deadlock, a new primary."""


class UnfitServerError(StorageFailedError):
    """The server that was reached, after a failover say, could lose what it acknowledges; the text says what to do."""


class CommitLostError(Exception):
    """The connection went while COMMIT was under way. An engine's word to its database; nobody else meets it."""


class CommitUnknownError(StorageFailedError):
    """A commit was sent, its answer never came, and the database could not be asked in time what became of it.

    The one case in which a change may have been kept although its command failed. Whoever sends
    the same request again is told what happened and is not charged twice.
    """
