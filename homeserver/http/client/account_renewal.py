"""
The page that renews an account, which the mail that reminds of its end has a link to.

Whatever looks at links in mail for viruses opens the page; only a button on it renews anything.
"""

from datetime import UTC, datetime
from typing import Final

from attrs import frozen

from homeserver.core.identifiers import UserID
from homeserver.http.operation import operation
from homeserver.http.pages import Page
from homeserver.http.replies import Content
from homeserver.http.rows import Authentication, Query, Row
from homeserver.services.account_validity import AccountValidity
from homeserver.services.mail.reminders import RENEW_PATH
from homeserver.services.refusals import BadState, NotFound, WrongToken

_QUERY: Final = (
    Query("user_id", required=True),
    Query("until", "integer", required=True),
    Query("token", required=True),
)
PAGE: Final = Row("folkmoot", "accountRenewalPage", "GET", RENEW_PATH, Authentication.NONE, query=_QUERY)
RENEW: Final = Row("folkmoot", "renewAccount", "POST", RENEW_PATH, Authentication.NONE, rate_limited=True, query=_QUERY)
_STALE: Final = Page("This link is not complete", ("Please follow the link in the mail again.",), code=400)
_SETTLED: Final = Page(
    "This account is not renewed here",
    ("An administrator has settled when it ends, or it is closed. Please ask them.",),
    code=400,
)


@frozen
class AccountRenewalEndpoints:
    """Accounts are renewed by their users."""

    validity: AccountValidity

    @operation(PAGE)
    async def page(self, user_id: UserID, until: int, token: str) -> Content:
        """Asks whether it is meant, and does nothing else."""
        return Page("Keep your account?", (f"{user_id} can then be used as long again.",), "Keep it").to_content()

    @operation(RENEW)
    async def renew(self, user_id: UserID, until: int, token: str) -> Content:
        """The account is renewed."""
        try:
            validity = await self.validity.renew(user_id, until, token)
        except WrongToken:
            return _STALE.to_content()
        except (NotFound, BadState):
            return _SETTLED.to_content()
        return Page("Thank you", (f"{user_id} can be used {_span(validity.expires_ms)}.",)).to_content()


def _span(expires_ms: int | None) -> str:
    return (
        "without an end" if expires_ms is None else f"until {datetime.fromtimestamp(expires_ms / 1000, UTC):%Y-%m-%d}"
    )
