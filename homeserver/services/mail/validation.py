"""
Users prove that an address is theirs.

What the client is told is the same whether or not the address has an account: the mail tells the one who reads it.

Spec: client-server-api#adding-account-administrative-contact-information
"""

from collections.abc import Callable
from typing import Final

from attrs import define, evolve, frozen

from homeserver.core.identifiers import UserID, localpart_of
from homeserver.core.mail.addresses import EMAIL, EmailAddress, is_allowed
from homeserver.core.mail.letters import Letter
from homeserver.core.mail.validation import Proven, Purpose, is_token_of, parse_next_link, secret_hash, token_of
from homeserver.services.callers import RequestInfo
from homeserver.services.clock import Clock, now_ms
from homeserver.services.mail.pace import MailPace
from homeserver.services.mail.post import Post
from homeserver.services.mail.settings import EmailSettings
from homeserver.services.mail.texts import Texts
from homeserver.services.refusals import (
    AddressDenied,
    AddressInUse,
    AddressNotFound,
    AddressNotProved,
    InvalidParameter,
    SessionExpired,
    WrongToken,
)
from homeserver.store import threepids, users, validation_sessions
from homeserver.store.database import Database
from homeserver.store.validation_sessions import ValidationSession

CONFIRM_PATH: Final = "/_folkmoot/client/v1/email/confirm"


@frozen
class MailRequest:
    """What a client asks for, parsed.  *next_link*: as it came."""

    address: EmailAddress
    client_secret: str
    send_attempt: int
    next_link: str | None = None


@define(eq=False)
class Validation:
    """Leads addresses from being claimed to being proved.  *secret*: the same in every process of the server."""

    database: Database
    clock: Clock
    post: Post
    texts: Texts
    pace: MailPace
    settings: EmailSettings
    secret: bytes
    baseurl: str
    opaque_id: Callable[[], str]

    async def request(self, purpose: Purpose, asked: MailRequest, info: RequestInfo) -> str:
        """
        The ID of a session for which mail was sent, now or when the client asked the same before.

        Raises AddressDenied, TooSoon, MailNotSent, InvalidParameter; Malformed; AddressInUse and AddressNotFound where
        the settings say so.
        """
        next_link = parse_next_link(asked.next_link, self.settings.next_link_hosts)
        if purpose is not Purpose.RESET and not is_allowed(asked.address, self.settings.allowed_domains):
            raise AddressDenied
        hashed, now = secret_hash(asked.client_secret), now_ms(self.clock)
        known = await self.database.read(validation_sessions.of_client, asked.address, hashed, purpose)
        if known is not None and now < known.expires_ms and _is_answered(known, asked):
            return known.sid
        owner = await self._owner(asked.address)
        self.pace.spend(asked.address, info.client_ip)
        session = ValidationSession(
            sid=self.opaque_id(),
            address=asked.address,
            secret_hash=hashed,
            purpose=purpose,
            # Only mail that left counts: after a failure the client may ask again with the same number.
            send_attempt=-1,
            next_link=next_link,
            can_validate=(owner is not None) == (purpose is Purpose.RESET),
            validated_ms=None,
            expires_ms=now + self.settings.link_ms,
        )
        if not session.can_validate and self.settings.reveal_accounts:
            raise AddressNotFound if purpose is Purpose.RESET else AddressInUse
        session = await self.database.write(validation_sessions.renew, session, now)
        await self.post.send_now(self._letter(session, owner, info))
        sent = evolve(session, send_attempt=asked.send_attempt)
        await self.database.write(validation_sessions.note_sent, sent)
        return session.sid

    async def asked(self, sid: str, token: str) -> ValidationSession:
        """What the reader of the mail is about to confirm.  Raises WrongToken, SessionExpired."""
        if not is_token_of(self.secret, sid, token):
            raise WrongToken
        session = await self.database.read(validation_sessions.by_id, sid)
        if session is None or not session.can_validate or now_ms(self.clock) >= session.expires_ms:
            raise SessionExpired
        return session

    async def confirm(self, sid: str, token: str, client_secret: str | None = None) -> ValidationSession:
        """
        The address is proved; a second time changes nothing.  *client_secret* None: by whoever read the mail.

        Raises WrongToken, SessionExpired, InvalidParameter.
        """
        session = await self.asked(sid, token)
        if client_secret is not None and secret_hash(client_secret) != session.secret_hash:
            raise InvalidParameter("This is not the secret of the session.")
        now = now_ms(self.clock)
        await self.database.write(validation_sessions.validate, sid, now, now + self.settings.link_ms)
        return session

    async def proven(self, purpose: Purpose, sid: str, client_secret: str) -> Proven:
        """The address that the client's session has proved.  Raises AddressNotProved."""
        session = await self.database.read(validation_sessions.by_id, sid)
        if (
            session is None
            or session.purpose is not purpose
            or session.secret_hash != secret_hash(client_secret)
            or session.validated_ms is None
            or now_ms(self.clock) >= session.expires_ms
        ):
            raise AddressNotProved
        return Proven(sid, session.address, session.validated_ms)

    async def proven_to_add(self, sid: str, client_secret: str) -> Proven:
        """The address that is to be added to an account.  Raises AddressNotProved."""
        return await self.proven(Purpose.ADD, sid, client_secret)

    async def _owner(self, address: EmailAddress) -> UserID | None:
        """Who could log in by the address; None: nobody."""
        user_id = await self.database.read(threepids.owner_of, EMAIL, address)
        user = None if user_id is None else await self.database.read(users.by_id, user_id)
        return None if user is None or user.deactivated else user.user_id

    def _letter(self, session: ValidationSession, owner: UserID | None, info: RequestInfo) -> Letter:
        name = "confirm"
        if not session.can_validate:
            name = "no_account" if session.purpose is Purpose.RESET else "in_use"
        link = f"{self.baseurl}{CONFIRM_PATH}?sid={session.sid}&token={token_of(self.secret, session.sid)}"
        return self.texts.letter(
            name,
            session.address,
            purpose=session.purpose.value,
            link=link,
            minutes=round(self.settings.link_minutes),
            address=session.address,
            user_name="" if owner is None else localpart_of(owner),
            user_id=owner or "",
            client_ip=info.client_ip,
        )


def _is_answered(session: ValidationSession, asked: MailRequest) -> bool:
    """Whether nothing more is to be sent: the client repeats itself, or the address is proved already."""
    return asked.send_attempt <= session.send_attempt or session.validated_ms is not None
