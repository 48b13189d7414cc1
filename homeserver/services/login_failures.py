"""
Guessing passwords is slow: failures count against the account and against the address they come from.

Only failures count, so that nobody is locked out by logging in often; and what is counted is kept in bounded memory.
"""

from collections.abc import Iterable

from attrs import define, field, frozen

from homeserver.core.rates import Rate
from homeserver.services.clock import Clock
from homeserver.services.ledgers import Ledger
from homeserver.services.refusals import TooSoon


@frozen
class LoginFailureSettings:
    """How many wrong passwords an account, and an address, may bring."""

    account_per_second: float = 0.1
    """Wrong passwords for one account in the long run."""
    account_burst: int = 10
    """Wrong passwords for one account at once."""
    address_per_second: float = 1.0
    """Wrong passwords from one address in the long run; a whole office may share one."""
    address_burst: int = 50
    """Wrong passwords from one address at once."""


@define(eq=False)
class LoginFailures:
    """Counts failed proofs of identity.  *settings* None: nothing is limited."""

    clock: Clock
    settings: LoginFailureSettings | None
    _accounts: Ledger = field(init=False)
    _addresses: Ledger = field(init=False)

    def __attrs_post_init__(self) -> None:
        settings = self.settings or LoginFailureSettings()
        self._accounts = Ledger(Rate(settings.account_per_second, settings.account_burst))
        self._addresses = Ledger(Rate(settings.address_per_second, settings.address_burst))

    def check(self, account: str, address: str) -> None:
        """Raises TooSoon while *account* or *address* has failed too often; asked before a password is looked at."""
        if self.settings is not None:
            wait = max(ledger.wait_ms(key, self._now_ms) for ledger, key in self._ledgers(account, address))
            if wait:
                raise TooSoon(wait)

    def record(self, account: str, address: str) -> None:
        """One more failure."""
        if self.settings is not None:
            for ledger, key in self._ledgers(account, address):
                ledger.spend(key, self._now_ms)

    def _ledgers(self, account: str, address: str) -> Iterable[tuple[Ledger, str]]:
        return ((self._accounts, account), (self._addresses, address))

    @property
    def _now_ms(self) -> float:
        return self.clock.seconds() * 1000
