"""
Argon2 in a thread: slow on purpose, so never on the reactor, and never more at once than the machine stands.

Spec: client-server-api#password-based
"""

from collections.abc import Callable
from functools import cached_property
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from attrs import define, field, frozen
from twisted.internet.defer import DeferredSemaphore
from twisted.internet.threads import deferToThread

from homeserver.core.password_policy import PasswordRules, weakness_of
from homeserver.services.refusals import TooSoon, WeakPassword

_T = TypeVar("_T")

AT_ONCE_MAX: Final = 2
WAITING_MAX: Final = 200
_RETRY_MS: Final = 2_000


@frozen
class PasswordSettings:
    """Passwords: what hashing one costs, and what a good one is."""

    argon2_time_cost: int = 3
    """Passes over the memory; more makes guessing slower, and every login."""
    argon2_memory_kib: int = 65_536
    """Memory that hashing one password takes, in KiB."""
    length_min: int = 1
    """
    Characters that a password has at least; shorter ones are refused with M_WEAK_PASSWORD. 1 refuses none; where people
    choose their passwords, 8 or more is wise.
    """
    digit_required: bool = False
    """Whether a password needs a digit."""
    symbol_required: bool = False
    """Whether a password needs a character that is neither letter nor digit."""
    lowercase_required: bool = False
    """Whether a password needs a small letter."""
    uppercase_required: bool = False
    """Whether a password needs a capital letter."""
    refuse_common: bool = False
    """Whether the 30,000 most common passwords are refused."""

    @property
    def rules(self) -> PasswordRules:
        """What can be seen from a password itself."""
        return PasswordRules(
            self.length_min,
            self.digit_required,
            self.symbol_required,
            self.lowercase_required,
            self.uppercase_required,
        )


@define(eq=False, slots=False)
class PasswordHashes:
    """Makes and checks hashes of passwords."""

    settings: PasswordSettings = PasswordSettings()
    _turn: DeferredSemaphore = field(init=False, factory=lambda: DeferredSemaphore(AT_ONCE_MAX))
    _waiting: int = field(init=False, default=0)

    def check_policy(self, password: str) -> None:
        """Raises WeakPassword when the server's policy does not take *password*."""
        weakness = weakness_of(password, self.settings.rules, self._common)
        if weakness is not None:
            raise WeakPassword(weakness)

    async def make(self, password: str) -> str:
        """The hash of *password*, salted, in the PHC form.  Raises TooSoon when too many wait."""
        return await self._in_thread(lambda: self._argon2.hash(password))

    async def matches(self, stored: str | None, password: str) -> bool:
        """
        Whether *password* is the one that *stored* was made of.

        None (no such user, or one without a password) takes as long as a wrong password, and is never matched: who asks
        cannot tell the three apart.  Raises TooSoon when too many wait.
        """
        return await self._in_thread(lambda: self._verify(stored, password))

    def is_outdated(self, stored: str) -> bool:
        """Whether *stored* was made at another cost than the settings ask now."""
        return self._argon2.check_needs_rehash(stored)

    def _verify(self, stored: str | None, password: str) -> bool:
        try:
            matched = self._argon2.verify(stored if stored is not None else self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return matched and stored is not None

    @cached_property
    def _argon2(self) -> PasswordHasher:
        return PasswordHasher(
            time_cost=self.settings.argon2_time_cost, memory_cost=self.settings.argon2_memory_kib, parallelism=1
        )

    @cached_property
    def _common(self) -> frozenset[str]:
        if not self.settings.refuse_common:
            return frozenset()
        # Half a megabyte of words, for those alone who ask for it.
        from zxcvbn.frequency_lists import FREQUENCY_LISTS

        return frozenset(FREQUENCY_LISTS["passwords"])

    @cached_property
    def _nobodys(self) -> str:
        return self._argon2.hash("")

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        if self._waiting >= WAITING_MAX:
            raise TooSoon(_RETRY_MS)
        self._waiting += 1
        try:
            return await self._turn.run(deferToThread, work)
        finally:
            self._waiting -= 1
