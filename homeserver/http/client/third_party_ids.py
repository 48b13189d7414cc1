"""
Addresses of accounts: proving them, adding them, removing them.

Spec: client-server-api#adding-account-administrative-contact-information
"""

from typing import Literal, NoReturn

from attrs import frozen

from homeserver.core.canonical import JSON
from homeserver.core.mail.addresses import parse_address
from homeserver.core.mail.validation import Purpose, parse_opaque, parse_send_attempt
from homeserver.http.operation import operation
from homeserver.http.replies import Empty
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.mail.validation import MailRequest, Validation
from homeserver.services.refusals import Forbidden, MediumNotSupported
from homeserver.services.third_party_ids import Binding, ThirdPartyIDs, UnbindResult


@frozen
class EmailTokenBody:
    """Who wants to prove an address; identity servers that are named besides are of no account here."""

    client_secret: str
    email: str
    send_attempt: int
    next_link: str | None = None


@frozen
class PhoneTokenBody:
    client_secret: str
    country: str
    phone_number: str
    send_attempt: int


@frozen
class ValidationSession:
    """The mail has a link, so the client has nothing to submit."""

    sid: str


@frozen
class AddBody:
    client_secret: str
    sid: str
    auth: JSON = None


@frozen
class DeleteBody:
    medium: Literal["email", "msisdn"]
    address: str
    id_server: str | None = None


@frozen
class Deleted:
    id_server_unbind_result: UnbindResult


@frozen
class BindingBody:
    client_secret: str
    id_server: str
    id_access_token: str
    sid: str


@frozen
class OldAddBody:
    three_pid_creds: BindingBody


@frozen
class ValidationEndpoints:
    """Mail is sent; *validation* None: it is not, here."""

    validation: Validation | None
    registration_is_open: bool = True

    @operation("requestTokenToRegisterEmail")
    async def to_register(self, info: RequestInfo, body: EmailTokenBody) -> ValidationSession:
        """
        Mail is sent for a new account.

        Raises AddressDenied, AddressInUse, TooSoon, MediumNotSupported; Forbidden where nobody may make one.
        """
        if not self.registration_is_open:
            raise Forbidden("Registration is not open on this server.")
        return await self._request(Purpose.REGISTER, body, info)

    @operation("requestTokenTo3PIDEmail")
    async def to_add(self, info: RequestInfo, body: EmailTokenBody) -> ValidationSession:
        """Mail is sent to a new address of an account.  Raises as ``to_register``."""
        return await self._request(Purpose.ADD, body, info)

    @operation("requestTokenToResetPasswordEmail")
    async def to_reset(self, info: RequestInfo, body: EmailTokenBody) -> ValidationSession:
        """Mail is sent to who forgot a password.  Raises AddressNotFound, TooSoon, MediumNotSupported."""
        return await self._request(Purpose.RESET, body, info)

    @operation("requestTokenToRegisterMSISDN")
    async def to_register_phone(self, body: PhoneTokenBody) -> ValidationSession:
        """Raises MediumNotSupported."""
        _refuse_phone(body)

    @operation("requestTokenTo3PIDMSISDN")
    async def to_add_phone(self, body: PhoneTokenBody) -> ValidationSession:
        """Raises MediumNotSupported."""
        _refuse_phone(body)

    @operation("requestTokenToResetPasswordMSISDN")
    async def to_reset_phone(self, body: PhoneTokenBody) -> ValidationSession:
        """Raises MediumNotSupported."""
        _refuse_phone(body)

    async def _request(self, purpose: Purpose, body: EmailTokenBody, info: RequestInfo) -> ValidationSession:
        asked = MailRequest(
            parse_address(body.email),
            parse_opaque(body.client_secret, "client_secret"),
            parse_send_attempt(body.send_attempt),
            body.next_link,
        )
        if self.validation is None:
            raise MediumNotSupported("This server sends no mail.")
        return ValidationSession(await self.validation.request(purpose, asked, info))


@frozen
class ThirdPartyIDEndpoints:
    """An account's addresses change."""

    third_party_ids: ThirdPartyIDs

    @operation("add3PID")
    async def add(self, caller: Caller, info: RequestInfo, body: AddBody) -> Empty:
        """A proved address is the caller's.  Raises AddressNotProved, AddressInUse, InteractiveAuthRequired."""
        sid, secret = parse_opaque(body.sid, "sid"), parse_opaque(body.client_secret, "client_secret")
        await self.third_party_ids.add(caller, sid, secret, body.auth, info)
        return Empty()

    @operation("post3PIDs")
    async def bind(self, caller: Caller, body: OldAddBody) -> Empty:
        """
        An identity server says that an address is the caller's, as by ``/3pid/bind``, which takes this one's place.

        Raises AddressNotProved.  Spec: client-server-api#post_matrixclientv3account3pid
        """
        asked = body.three_pid_creds
        sid, secret = parse_opaque(asked.sid, "sid"), parse_opaque(asked.client_secret, "client_secret")
        await self.third_party_ids.bind(caller, Binding(asked.id_server, asked.id_access_token, sid, secret))
        return Empty()

    @operation("delete3pidFromAccount")
    async def delete(self, caller: Caller, body: DeleteBody) -> Deleted:
        """An address is not the caller's any more.  Raises AddressNotFound."""
        result = await self.third_party_ids.remove(caller, body.medium, body.address, body.id_server)
        return Deleted(result)


def _refuse_phone(body: PhoneTokenBody) -> NoReturn:
    parse_opaque(body.client_secret, "client_secret")
    parse_send_attempt(body.send_attempt)
    raise MediumNotSupported("This server sends no messages to telephones.")
