"""
New accounts.

Spec: client-server-api#legacy-account-registration
"""

from collections.abc import Callable, Collection, Mapping
from os import urandom
from typing import Literal

from attrs import define, field, frozen

from homeserver.core import tokens
from homeserver.core.canonical import JSON
from homeserver.core.identifiers import ServerName, UserID, localpart_of, user_id_of
from homeserver.core.interactive_auth import EMAIL_IDENTITY, REGISTRATION_TOKEN, TERMS
from homeserver.core.mail.validation import Proven, parse_proven
from homeserver.core.malformed import Malformed
from homeserver.core.registration import Entry, is_registration_token, registration_flows
from homeserver.core.terms import parse_accepted
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.clock import Clock, now_ms
from homeserver.services.interactive_auth import InteractiveAuth, Request
from homeserver.services.password_hashes import PasswordHashes
from homeserver.services.ports import Appservices
from homeserver.services.refusals import Exclusive, Forbidden, Reserved, Taken, UnknownToken
from homeserver.services.sessions import NewSession, Opened, PreparedSession, Sessions
from homeserver.services.third_party_ids import claim_address
from homeserver.store import accepted_policies, registration_tokens, users
from homeserver.store.database import Database
from homeserver.store.users import NewAccount
from homeserver.store.write import Write


@frozen
class RegistrationSettings:
    """Who may make an account."""

    enabled: bool | None = None
    """
    Whether strangers may make accounts at all. Unset: only while server_name is localhost or a loopback address, that
    is while you are trying things out.
    """
    allow_guests: bool = False
    """Whether strangers may look around as guests, without an account to come back to."""
    tokens_required: bool = False
    """Whether a new account needs a registration token, which an administrator gave out."""
    email_required: bool = False
    """Whether a new account needs an address of electronic mail that was proved; this needs the section email."""


@frozen
class NewUser:
    """What a client asks for; *session* None: an account without a session."""

    username: str | None
    """None: the server makes a name."""
    password: str | None = field(repr=False)
    session: NewSession | None
    guest_token: str | None = field(default=None, repr=False)
    """The access token of a guest, who keeps the name and becomes a user.  Spec: client-server-api#guest-access"""


@frozen
class _Account:
    """All that is written when an account is made."""

    account: NewAccount
    session: PreparedSession | None
    registration_token: str | None = None
    upgrades_guest: bool = False
    address: Proven | None = None
    accepted: Mapping[str, str] = field(factory=dict)
    """The terms: ``{policy: version}``."""

    @property
    def opened(self) -> Opened:
        if self.session is None:
            return Opened(self.account.user_id)
        return self.session.opened_for(self.account.user_id)


@define(eq=False)
class Registration:
    """Makes accounts."""

    server: ServerName
    settings: RegistrationSettings
    database: Database
    clock: Clock
    hashes: PasswordHashes
    sessions: Sessions
    interactive_auth: InteractiveAuth
    appservices: Appservices
    random: Callable[[int], bytes] = urandom
    reserved: Collection[UserID] = ()
    """Names of the server's own accounts."""
    has_terms: bool = False
    can_mail: bool = False
    """Whether newcomers may prove an address."""

    async def register(self, new: NewUser, auth: JSON, info: RequestInfo) -> Opened:
        """
        An account, and a session unless none is wanted.

        Raises Forbidden, Taken, Reserved, WeakPassword, AddressInUse, InteractiveAuthRequired; Malformed.
        """
        self._require_open()
        guest = None if new.guest_token is None else await self._guest(new.guest_token, info)
        user_id = self._user_id(new.username)
        if new.username is not None:
            await self._require_free(user_id, guest)
        if new.password is not None:
            self.hashes.check_policy(new.password)
        request = Request("register", registration_flows(self._entry), info)
        progress = await self.interactive_auth.complete(request, auth)
        if new.password is None:
            raise Malformed("An account needs a password.", "password", "M_MISSING_PARAM")
        password_hash = await self.hashes.make(new.password)
        return await self._make(
            _Account(
                NewAccount(user_id, password_hash, now_ms(self.clock)),
                None if new.session is None else self.sessions.prepare(new.session),
                progress.proofs.get(REGISTRATION_TOKEN),
                upgrades_guest=guest is not None,
                address=parse_proven(progress.proofs[EMAIL_IDENTITY]) if EMAIL_IDENTITY in progress.proofs else None,
                accepted=parse_accepted(progress.proofs[TERMS]) if TERMS in progress.proofs else {},
            )
        )

    async def register_guest(self, session: NewSession, info: RequestInfo) -> Opened:
        """An account of a guest, whose token is all there is to it.  Raises Forbidden."""
        if not self.settings.allow_guests:
            raise Forbidden("Guests are not allowed here.")
        account = NewAccount(self._user_id(None), None, now_ms(self.clock), is_guest=True)
        return await self._make(_Account(account, self.sessions.prepare(session)))

    async def register_for_appservice(self, new: NewUser, token: str, info: RequestInfo) -> Opened:
        """
        An account in the namespace of the application service whose *token* this is.

        Raises UnknownToken, Exclusive, Taken; Malformed.
        Spec: application-service-api#server-admin-style-permissions
        """
        caller = await self.appservices.caller(token, user_id=None, device_id=None)
        if caller is None or caller.appservice_id is None:
            raise UnknownToken("This is no token of an application service.")
        if new.username is None:
            raise Malformed("An application service names its users.", "username", "M_MISSING_PARAM")
        # As it is: a service that was given another name would not know its own user.
        user_id = user_id_of(new.username, self.server)
        if not self.appservices.owns(caller.appservice_id, user_id) or self.appservices.is_reserved(
            user_id, caller.appservice_id
        ):
            raise Exclusive("The name is not in the namespaces of this application service.")
        account = NewAccount(user_id, None, now_ms(self.clock), appservice_id=caller.appservice_id)
        return await self._make(_Account(account, None if new.session is None else self.sessions.prepare(new.session)))

    async def check_available(self, username: str) -> None:
        """Raises Taken, Reserved, or Malformed unless a new user may be called so now."""
        await self._require_free(self._user_id(username), None)

    async def is_token_valid(self, token: str) -> bool:
        """Whether a registration token would do now.  Raises Forbidden when there is no registration."""
        self._require_open()
        if not is_registration_token(token):
            return False
        known = await self.database.read(registration_tokens.by_token, token)
        return known is not None and known.is_valid(now_ms(self.clock))

    def _require_open(self) -> None:
        if not self.settings.enabled:
            raise Forbidden("Registration is not open on this server.")

    @property
    def _entry(self) -> Entry:
        email: Literal["no", "may", "must"] = "no"
        if self.can_mail:
            email = "must" if self.settings.email_required else "may"
        return Entry(self.settings.tokens_required, self.has_terms, email)

    def _user_id(self, username: str | None) -> UserID:
        if username is None:
            return user_id_of(tokens.generated_localpart(self.random(tokens.LOCALPART_BYTES)), self.server)
        # The spec lets a server map a name: capitals become small letters.
        return user_id_of(username.lower(), self.server)

    async def _require_free(self, user_id: UserID, guest: Caller | None) -> None:
        if user_id in self.reserved or self.appservices.is_reserved(user_id, None):
            raise Reserved
        if guest is not None:
            if guest.user_id != user_id:
                raise Forbidden("A guest keeps the name that the server gave.")
        elif await self.database.read(users.by_id, user_id) is not None:
            raise Taken

    async def _guest(self, token: str, info: RequestInfo) -> Caller:
        caller = await self.sessions.access_tokens.caller(token, info)
        if not caller.is_guest:
            raise Forbidden("This is no guest's access token.")
        return caller

    async def _make(self, new: _Account) -> Opened:
        await self.database.write(self._write, new)
        self.sessions.forget(new.account.user_id)
        return new.opened

    def _write(self, tx: Write, new: _Account) -> None:
        account = new.account
        token = new.registration_token
        if token is not None and not registration_tokens.use(tx, token, account.created_ms):
            raise Forbidden("This registration token is not good any more.")
        written = users.upgrade_guest(tx, account) if new.upgrades_guest else users.insert_new(tx, account)
        if not written:
            raise Taken(f"The user name {localpart_of(account.user_id)} is taken.")
        if new.address is not None:
            claim_address(tx, account.user_id, new.address, account.created_ms)
        accepted_policies.insert(tx, account.user_id, new.accepted, account.created_ms)
        if new.session is not None:
            self.sessions.write(tx, account.user_id, new.session)
