"""What administrators did."""

from attrs import frozen

from homeserver.core.identifiers import UserID
from homeserver.core.pages import LIMIT_DEFAULT, Page, PageRequest
from homeserver.http.admin.rows import PAGE, Limit, Token, admin
from homeserver.http.rows import Query
from homeserver.services.administration.actions import Action, Actions


@frozen
class ActionEndpoints:
    """The record of what administrators did."""

    actions: Actions

    @admin(
        "listActions",
        "GET",
        "/actions",
        "actions list",
        query=(
            *PAGE,
            Query("admin", about="Only what this administrator did."),
            Query("subject", about="Only what was done to this user, room or token."),
        ),
    )
    async def list_actions(
        self, from_: Token = None, limit: Limit = LIMIT_DEFAULT, admin: UserID | None = None, subject: str = ""
    ) -> Page[Action]:
        """Who did what to whom, the newest first."""
        return await self.actions.page(PageRequest(from_, limit), admin=admin or "", subject=subject)
