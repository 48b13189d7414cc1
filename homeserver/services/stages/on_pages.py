"""
Stages that somebody takes on a page, for a client that does not know them.

Spec: client-server-api#fallback
"""

from attrs import define

from homeserver.core import interactive_auth as uia
from homeserver.core.canonical import JSONObject
from homeserver.core.interactive_auth import Attempt
from homeserver.core.mail.addresses import parse_address
from homeserver.services.callers import RequestInfo
from homeserver.services.clock import now_ms
from homeserver.services.interactive_auth import InteractiveAuth
from homeserver.services.mail.validation import MailRequest, Validation
from homeserver.services.refusals import MediumNotSupported
from homeserver.services.stages.email import PURPOSES


@define(eq=False)
class StagesOnPages:
    """What is proved on a page counts for the session of the client.  *validation* None: no mail is sent here."""

    auth: InteractiveAuth
    validation: Validation | None = None

    def operation_of(self, session: str) -> str:
        """What the client wants to do.  Raises SessionExpired."""
        return self.auth.operation_of(session)

    def is_taken_here(self, operation: str, stage: str) -> bool:
        """Whether there is such a stage for the operation."""
        return self.auth.stage_called(stage) is not None and (stage != uia.EMAIL_IDENTITY or operation in PURPOSES)

    async def is_proved(self, session: str, stage: str) -> bool:
        """Whether the stage was taken, so that the client may go on."""
        return await self.auth.is_proved(session, stage)

    def params(self, stage: str) -> JSONObject:
        """What somebody must know to take the stage."""
        taken = self.auth.stage_called(stage)
        return (None if taken is None else taken.params()) or {}

    async def prove(self, session: str, stage: str, fields: JSONObject, info: RequestInfo) -> None:
        """The stage is taken.  Raises SessionExpired, and what the stage raises: Forbidden, TooSoon; Malformed."""
        await self.auth.prove_aside(session, Attempt(stage, session, fields), info)

    async def send_mail(self, session: str, address: str, info: RequestInfo) -> str:
        """
        Mail is sent to whom it asks for a proof; answers the ID under which it is proved.

        Raises SessionExpired, MediumNotSupported, AddressDenied, AddressInUse, AddressNotFound, TooSoon, MailNotSent.
        """
        purpose = PURPOSES.get(self.operation_of(session))
        if self.validation is None or purpose is None:
            raise MediumNotSupported("No mail is sent for this.")
        # Whoever sends the form again wants another mail: the pace of mail is kept elsewhere.
        attempt = now_ms(self.auth.clock) // 1000
        asked = MailRequest(parse_address(address), uia.client_secret_of(self.auth.secret, session), attempt)
        return await self.validation.request(purpose, asked, info)

    async def prove_address(self, session: str, sid: str, info: RequestInfo) -> None:
        """The address is proved, as the link in the mail was followed.  Raises AddressNotProved; Malformed."""
        secret = uia.client_secret_of(self.auth.secret, session)
        await self.prove(session, uia.EMAIL_IDENTITY, {"threepid_creds": {"sid": sid, "client_secret": secret}}, info)
