"""Registration tokens."""

from attrs import frozen

from homeserver.core.pages import LIMIT_DEFAULT, Page, PageRequest
from homeserver.http.admin.rows import PAGE, Limit, Token, admin
from homeserver.http.replies import Empty
from homeserver.http.rows import Query
from homeserver.services.administration.registration_tokens import (
    RegistrationTokens,
    ShownToken,
    TokenChange,
    TokenRequest,
)


@frozen
class RegistrationTokenEndpoints:
    """Tokens that let newcomers register."""

    tokens: RegistrationTokens

    @admin(
        "listTokens",
        "GET",
        "/registration_tokens",
        "tokens list",
        query=(*PAGE, Query("valid", "boolean", about="Only tokens that are good; or with false, only others.")),
    )
    async def list_tokens(
        self, from_: Token = None, limit: Limit = LIMIT_DEFAULT, valid: bool | None = None
    ) -> Page[ShownToken]:
        """All registration tokens."""
        return await self.tokens.page(valid, PageRequest(from_, limit))

    @admin("createToken", "POST", "/registration_tokens", "tokens create", body=True)
    async def create_token(self, body: TokenRequest) -> ShownToken:
        """A new registration token is good.  Raises InvalidParameter."""
        return await self.tokens.create(body)

    @admin("showToken", "GET", "/registration_tokens/{token}", "tokens show")
    async def show_token(self, token: str) -> ShownToken:
        """One registration token.  Raises NotFound."""
        return await self.tokens.one(token)

    @admin("editToken", "PUT", "/registration_tokens/{token}", "tokens edit", body=True)
    async def edit_token(self, token: str, body: TokenChange) -> ShownToken:
        """A registration token allows more, or less.  Raises NotFound, InvalidParameter."""
        return await self.tokens.change(token, body)

    @admin("deleteToken", "DELETE", "/registration_tokens/{token}", "tokens delete")
    async def delete_token(self, token: str) -> Empty:
        """A registration token is good no more.  Raises NotFound."""
        await self.tokens.delete(token)
        return Empty()
