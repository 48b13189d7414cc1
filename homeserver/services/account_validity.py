"""
Accounts that can be used for a while: they end unless they are renewed, by their users or by an administrator.

An account that has ended is as one that is locked: its sessions stay, and are good again once it is renewed.  What
administrators and application services have does not end.
"""

from typing import Any, Final, Protocol

from attrs import Attribute, define, evolve, field, frozen, validators

from homeserver.core.identifiers import UserID
from homeserver.core.log import ACCOUNT
from homeserver.core.mail.validation import is_renewal_token
from homeserver.services.clock import Clock, now_ms
from homeserver.services.refusals import BadState, InvalidParameter, NotFound, WrongToken
from homeserver.store import account_validity, users
from homeserver.store.account_validity import Validity
from homeserver.store.database import Database
from homeserver.store.write import Write

__all__ = ["AccountSettings", "AccountValidity", "Validity", "ValidityChange"]

DAY_MS: Final = 86_400_000
EXPIRES_MS_MAX: Final = 253_402_300_799_000
"""The end of the year 9999."""
AT_ONCE: Final = 25


def _is_positive(_: Any, attribute: "Attribute[float | None]", days: float | None) -> None:
    if days is not None and not 0 < days <= 36_500:
        raise ValueError(f"{attribute.name} must be more than 0 and at most 36500")


@frozen
class AccountSettings:
    """How long accounts can be used."""

    valid_days: float | None = field(default=None, validator=_is_positive)
    """
    For so many days an account can be used before its user must renew it, by a link in a mail; those that are there
    already begin with as many. Unset: without an end, but for the accounts that an administrator gives one.
    """
    remind_days: float = field(default=14.0, validator=[validators.gt(0.0), validators.le(36_500.0)])
    """So many days before the end the user gets that mail, if the account has an address."""

    @property
    def valid_ms(self) -> int | None:
        """The same in milliseconds."""
        return None if self.valid_days is None else int(self.valid_days * DAY_MS)


class Reminders(Protocol):
    """What writes to users."""

    def queue(self, tx: Write, validity: Validity) -> None:
        """The user is going to be told, at every address of the account, that it ends and how it is renewed."""


@frozen
class ValidityChange:
    """Until when an account can be used: exactly one of the first three."""

    expires_ms: int | None = None
    """Until then, in milliseconds since 1970; what has passed ends it now."""
    extend_days: float | None = None
    """For so many days more, from its present end or, when that has passed, from now."""
    never: bool = False
    """It does not end."""
    renewable: bool = False
    """Whether the user is reminded, and can renew it by a link in a mail; for as long as accounts.valid_days says."""


@define(eq=False)
class AccountValidity:
    """Ends, reminds, renews.  *secret*: the same in every process of the server.  *reminders* None: nobody is told."""

    database: Database
    clock: Clock
    settings: AccountSettings
    secret: bytes
    reminders: Reminders | None = None

    async def of(self, user_id: UserID) -> Validity:
        """Until when the account can be used.  Raises NotFound."""
        return await self.database.read(_present, user_id)

    async def change(self, user_id: UserID, change: ValidityChange) -> Validity:
        """The account can be used until then, from the next request on.  Raises NotFound, InvalidParameter."""
        if [change.expires_ms is not None, change.extend_days is not None, change.never].count(True) != 1:
            raise InvalidParameter("Say one of: until when, for how many days more, or never.")
        if change.renewable and self.settings.valid_ms is None:
            raise InvalidParameter("Nothing says for how long it would be renewed: accounts.valid_days is not set.")
        return await self.database.write(self._change, user_id, change, now_ms(self.clock))

    async def renew(self, user_id: UserID, expires_ms: int, token: str) -> Validity:
        """
        The account that ends, or ended, then can be used as long again; once for each end.

        Raises WrongToken, NotFound; BadState where the user has no say in it any more.
        """
        if not is_renewal_token(self.secret, user_id, expires_ms, token):
            raise WrongToken
        return await self.database.write(self._renew, user_id, expires_ms, now_ms(self.clock))

    def chore(self, tx: Write, now: int) -> bool:
        """Accounts that are new have their end, and whose end is near is reminded; says whether there is more."""
        valid_ms = self.settings.valid_ms
        if valid_ms is None:
            return False
        fresh = account_validity.without(tx.connection, AT_ONCE)
        for user_id in fresh:
            account_validity.replace(tx, Validity(user_id, now + valid_ms, renewable=True))
        until = now + int(self.settings.remind_days * DAY_MS)
        near = account_validity.to_remind(tx.connection, now, until, AT_ONCE)
        for validity in near:
            if self.reminders is not None:
                self.reminders.queue(tx, validity)
            account_validity.replace(tx, evolve(validity, reminded_ms=validity.expires_ms))
        return len(fresh) == AT_ONCE or len(near) == AT_ONCE

    def delete_of_account(self, tx: Write, user_id: UserID, *, erase: bool) -> None:
        """An account that is closed has no other end; implements ``AccountBelongings``."""
        account_validity.delete_of_user(tx, user_id)

    def _change(self, tx: Write, user_id: UserID, change: ValidityChange, now: int) -> Validity:
        expires_ms = change.expires_ms
        present = _present(tx.connection, user_id)
        if change.extend_days is not None:
            expires_ms = max(present.expires_ms or now, now) + int(change.extend_days * DAY_MS)
        if expires_ms is not None and not 0 <= expires_ms <= EXPIRES_MS_MAX:
            raise InvalidParameter("That is no time at which an account ends.")
        return _write(tx, Validity(user_id, expires_ms, change.renewable))

    def _renew(self, tx: Write, user_id: UserID, expires_ms: int, now: int) -> Validity:
        validity = _present(tx.connection, user_id)
        if validity.expires_ms is None or validity.expires_ms > expires_ms:
            # Somebody pressed the button before.
            return validity
        valid_ms = self.settings.valid_ms
        if not validity.renewable or validity.expires_ms != expires_ms or valid_ms is None:
            raise BadState("An administrator has settled when this account ends.")
        return _write(tx, Validity(user_id, max(now, expires_ms) + valid_ms, renewable=True))


def _present(tx: Any, user_id: UserID) -> Validity:
    account = users.by_id(tx, user_id)
    if account is None or account.deactivated:
        raise NotFound(f"There is no living account {user_id}.")
    return account_validity.of_user(tx, user_id) or Validity(user_id, None)


def _write(tx: Write, validity: Validity) -> Validity:
    account_validity.replace(tx, validity)
    # Every process hears of it.
    tx.log(ACCOUNT, validity.user_id)
    return validity
