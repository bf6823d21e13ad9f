"""Passwords that people type, and passkeys: looked at a few at a time, and seldom for one person.

Touches: threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from numberdesk.accounts.passwords import SALT_BYTES, is_password, password_hash
from numberdesk.accounts.people import comparable_password, parse_password
from numberdesk.api.client_address import network_of
from numberdesk.api.limits import RateLimit
from numberdesk.core.errors import Overloaded, RateLimited

Result = TypeVar("Result")

TRIES_PER_SECOND: Final = 1 / 60
TRIES_AT_ONCE: Final = 8
"""Wrong passwords that are looked at for one email from one network at once; after that one a minute."""

NETWORKS: Final = 10
"""As many networks' tries are looked at for one email from everywhere: fewer lock nobody out who is elsewhere."""

_AT_A_TIME: Final = 2
_MOST_WAITING: Final = 20
_SLOWED: Final = "Too many tries for this email. Wait a little, or ask for a new link."


class PasswordChecks:
    """Hashes and compares passwords in threads, _AT_A_TIME; beyond _MOST_WAITING nobody waits."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_A_TIME)
        self._waiting = 0
        # An email that nobody has is counted like any other, so that the two are not told apart.
        self._from_network = RateLimit(TRIES_PER_SECOND / TRIES_AT_ONCE, times=TRIES_AT_ONCE)
        self._from_all = RateLimit(TRIES_PER_SECOND / TRIES_AT_ONCE, times=TRIES_AT_ONCE * NETWORKS)

    async def is_password(self, email: str, typed: str, stored: str | None, address: str) -> bool:
        """Whether a password that comes from an address is that of an email. Raises RateLimited and Overloaded."""
        return (
            await self.proven(email, address, lambda: is_password(comparable_password(typed), stored) or None) is True
        )

    async def proven(self, whose: str, address: str, check: Callable[[], Result | None]) -> Result | None:
        """What a check finds of somebody; None is counted as a try that failed. Raises RateLimited and Overloaded."""
        from_here = f"{network_of(address)} {whose}"
        try:
            self._from_network.spend(from_here)
            self._from_all.spend(whose)
        except RateLimited as error:
            raise RateLimited(_SLOWED, error.details) from None
        failed = False
        try:
            found = await self.in_turn(check)
            failed = found is None
        finally:
            if not failed:  # right, or not looked at
                self._from_network.give_back(from_here)
                self._from_all.give_back(whose)
        return found

    async def hash(self, typed: str, email: str, random_bytes: Callable[[int], bytes]) -> str:
        """What is stored of a new password. Raises InvalidRequest and Overloaded."""
        password = parse_password(typed, email)
        salt = random_bytes(SALT_BYTES)
        return await self.in_turn(lambda: password_hash(password, salt))

    async def in_turn(self, work: Callable[[], Result]) -> Result:
        """Do something in a thread, when its turn comes. Raises Overloaded."""
        if self._waiting >= _MOST_WAITING:
            raise Overloaded
        self._waiting += 1
        try:
            async with self._turns:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1
