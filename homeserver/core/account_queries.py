"""Which accounts an administrator looks for."""

from typing import Final, Literal, TypeAlias

from attrs import frozen

from homeserver.core.identifiers import UserID

AccountOrder: TypeAlias = Literal["user_id", "created", "last_seen"]
SEARCH_CHARACTERS_MAX: Final = 256


@frozen
class AccountQuery:
    """Accounts of which all that is not None is true, in an order."""

    search: str | None = None
    """Part of a user ID, a display name or an address; of letters from A to Z the case is ignored."""
    is_guest: bool | None = None
    is_admin: bool | None = None
    deactivated: bool | None = None
    locked: bool | None = None
    suspended: bool | None = None
    order_by: AccountOrder = "user_id"
    descending: bool = False

    @property
    def flags(self) -> dict[str, bool]:
        """The flags that matter, by the names of their columns."""
        flags = {
            "is_guest": self.is_guest,
            "is_admin": self.is_admin,
            "deactivated": self.deactivated,
            "locked": self.locked,
            "suspended": self.suspended,
        }
        return {name: value for name, value in flags.items() if value is not None}


@frozen
class AccountOutline:
    """An account in a list."""

    user_id: UserID
    created_ms: int
    is_guest: bool
    is_admin: bool
    deactivated: bool
    erased: bool
    """Deactivated with the wish to be forgotten."""
    locked: bool
    suspended: bool
    appservice_id: str | None
    """The application service it belongs to."""
    user_type: str | None
    """What administrators call accounts of its kind."""
    display_name: str | None
    last_seen_ms: int | None
    """When any device of it was last seen, some minutes ago at the latest."""
