"""
The page that ends mail about what is unread, which every such mail has a link to.

Readers of mail with a button of their own send the POST at once (RFC 8058).
"""

from typing import Final

from attrs import frozen

from homeserver.core.identifiers import UserID
from homeserver.http.operation import operation
from homeserver.http.pages import Page
from homeserver.http.replies import Content
from homeserver.http.rows import Authentication, Query, Row
from homeserver.services.mail.digesting import UNSUBSCRIBE_PATH, Digesting
from homeserver.services.refusals import WrongToken

_QUERY: Final = (Query("user_id", required=True), Query("address", required=True), Query("token", required=True))
PAGE: Final = Row("folkmoot", "emailUnsubscriptionPage", "GET", UNSUBSCRIBE_PATH, Authentication.NONE, query=_QUERY)
END: Final = Row(
    "folkmoot", "unsubscribeEmail", "POST", UNSUBSCRIBE_PATH, Authentication.NONE, rate_limited=True, query=_QUERY
)
_STALE: Final = Page("This link is not complete", ("Please follow the link in the mail again.",), code=400)


@frozen
class EmailUnsubscriptionEndpoints:
    """Users get no more mail."""

    digesting: Digesting

    @operation(PAGE)
    async def page(self, user_id: UserID, address: str, token: str) -> Content:
        """Asks whether it is meant, and does nothing else."""
        sentence = f"{address} gets no more mail about what {user_id} has not read."
        return Page("No more of these mails?", (sentence,), "Stop them").to_content()

    @operation(END)
    async def end(self, user_id: UserID, address: str, token: str) -> Content:
        """No more mail is sent."""
        try:
            await self.digesting.end(user_id, address, token)
        except WrongToken:
            return _STALE.to_content()
        return Page("Done", (f"{address} gets no more of these mails.",)).to_content()
