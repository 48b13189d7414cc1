"""
The page that a link in a mail leads to, and what confirms an address.

Whatever looks at links in mail for viruses opens the page; only a button on it confirms anything.
Spec: client-server-api#adding-account-administrative-contact-information
"""

from typing import Final

from attrs import frozen

from homeserver.core.mail.validation import Purpose, parse_opaque
from homeserver.core.malformed import Malformed
from homeserver.http.bodies import body_parser
from homeserver.http.incoming import Incoming
from homeserver.http.operation import operation
from homeserver.http.pages import Page
from homeserver.http.replies import Content, Redirect
from homeserver.http.rows import Authentication, Query, Row
from homeserver.services.mail.validation import CONFIRM_PATH, Validation
from homeserver.services.refusals import SessionExpired, WrongToken

_QUERY: Final = (Query("sid", required=True), Query("token", required=True))
PAGE: Final = Row("folkmoot", "emailConfirmationPage", "GET", CONFIRM_PATH, Authentication.NONE, query=_QUERY)
CONFIRM: Final = Row("folkmoot", "confirmEmail", "POST", CONFIRM_PATH, Authentication.NONE, rate_limited=True)

_ASKED: Final = {
    Purpose.REGISTER: ("Confirm your address", "Somebody wants to register here with {address}. Was it you?"),
    Purpose.ADD: ("Confirm your address", "Somebody wants to add {address} to their account. Was it you?"),
    Purpose.RESET: (
        "Set a new password",
        "Somebody wants to choose a new password for the account of {address}. Was it you? If it was not, close this "
        "page: whoever asked would choose your password.",
    ),
}
_STALE: Final = Page(
    "This link is not good any more",
    ("It was used before, took too long, or is not complete.", "Please go back to your client and begin again."),
    code=400,
)


@frozen
class SubmitBody:
    """What a client knows that was told the token."""

    sid: str
    client_secret: str
    token: str


@frozen
class Submitted:
    success: bool


_parse_body = body_parser(SubmitBody)


@frozen
class EmailConfirmationEndpoints:
    """Addresses are confirmed, by people or by clients."""

    validation: Validation

    @operation(PAGE)
    async def page(self, sid: str, token: str) -> Content:
        """Asks whether it was them, and does nothing else."""
        try:
            session = await self.validation.asked(sid, token)
        except (WrongToken, SessionExpired):
            return _STALE.to_content()
        heading, sentence = _ASKED[session.purpose]
        return Page(heading, (sentence.format(address=session.address),), "Yes, it was me").to_content()

    @operation(CONFIRM)
    async def confirm(self, incoming: Incoming) -> Content | Redirect | Submitted:
        """
        The address is proved.  A client gets JSON, or WrongToken, SessionExpired, InvalidParameter; people read a page.

        Spec: identity-service-api#post_matrixidentityv2validateemailsubmittoken
        """
        if (incoming.header(b"content-type") or "").partition(";")[0].strip() == "application/json":
            body: SubmitBody = _parse_body(incoming.json())
            secret = parse_opaque(body.client_secret, "client_secret")
            await self.validation.confirm(parse_opaque(body.sid, "sid"), body.token, secret)
            return Submitted(success=True)
        try:
            session = await self.validation.confirm(_of(incoming, "sid"), _of(incoming, "token"))
        except (WrongToken, SessionExpired):
            return _STALE.to_content()
        if session.next_link is not None:
            return Redirect(session.next_link, 303)
        return Page("Thank you", (f"{session.address} is confirmed.", "Please go back to your client.")).to_content()


def _of(incoming: Incoming, name: str) -> str:
    values = incoming.query.get(name)
    if not values:
        raise Malformed("This query parameter is required.", name, "M_MISSING_PARAM")
    return values[0]
