"""Until when accounts can be used."""

from attrs import frozen

from homeserver.core.identifiers import UserID
from homeserver.http.admin.rows import admin
from homeserver.services.account_validity import AccountValidity, Validity, ValidityChange


@frozen
class ShownValidity:
    """Until when one account can be used."""

    user_id: UserID
    renewable: bool
    """Whether the user is reminded, and can renew it."""
    expires_ms: int | None = None
    """Left out: without an end."""
    reminded_ms: int | None = None
    """The end that the user was reminded of by mail."""


@frozen
class ValidityEndpoints:
    """Until when accounts can be used."""

    validity: AccountValidity

    @admin("showValidity", "GET", "/users/{userId}/validity", "users validity")
    async def show_validity(self, user_id: UserID) -> ShownValidity:
        """Until when an account can be used.  Raises NotFound."""
        return _shown(await self.validity.of(user_id))

    @admin("setValidity", "PUT", "/users/{userId}/validity", "users set-validity", body=True)
    async def set_validity(self, user_id: UserID, body: ValidityChange) -> ShownValidity:
        """An account can be used until then, and not after; administrators' do not end.  Raises NotFound."""
        return _shown(await self.validity.change(user_id, body))


def _shown(validity: Validity) -> ShownValidity:
    return ShownValidity(validity.user_id, validity.renewable, validity.expires_ms, validity.reminded_ms)
