"""The services of accounts on one database, wired as ``scripts/parts`` wires them, with fakes of their ports."""

from collections.abc import Collection, Sequence

from attrs import define, field
from twisted.internet.task import Clock

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import DeviceID, RoomAlias, ServerName, UserID, server_of
from homeserver.core.profiles import Profile
from homeserver.core.versions import V12
from homeserver.http.authentication import token_authenticators
from homeserver.http.client.account import AccountEndpoints
from homeserver.http.client.account_data import AccountDataEndpoints, TagEndpoints
from homeserver.http.client.capabilities import CapabilityEndpoints
from homeserver.http.client.devices import DeviceEndpoints
from homeserver.http.client.filters import FilterEndpoints
from homeserver.http.client.login import LoginEndpoints, SessionEndpoints
from homeserver.http.client.profiles import ProfileEndpoints
from homeserver.http.client.push_rules import PushRuleEndpoints
from homeserver.http.client.register import RegisterEndpoints
from homeserver.http.request import EdgeSite
from homeserver.services.access_tokens import AccessTokens
from homeserver.services.account_data import AccountData
from homeserver.services.callers import Caller, RequestInfo
from homeserver.services.capabilities import Capabilities
from homeserver.services.credentials import Credentials
from homeserver.services.deactivation import Deactivation
from homeserver.services.device_erasure import DeviceErasure
from homeserver.services.devices import Devices
from homeserver.services.filters import Filters
from homeserver.services.interactive_auth import InteractiveAuth
from homeserver.services.last_seen import LastSeen
from homeserver.services.login_failures import LoginFailures, LoginFailureSettings
from homeserver.services.logins import Logins
from homeserver.services.password_hashes import PasswordHashes, PasswordSettings
from homeserver.services.passwords import Passwords
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.services.profiles import Profiles
from homeserver.services.push_rules import PushRuleBook
from homeserver.services.refusals import Exclusive
from homeserver.services.registration import NewUser, Registration, RegistrationSettings
from homeserver.services.sessions import NewSession, Opened, Sessions, SessionSettings
from homeserver.services.stages.simple import Dummy, Password, RegistrationToken
from homeserver.services.stages.stage import Stage
from homeserver.services.tags import Tags
from homeserver.services.third_party_ids import ThirdPartyIDs
from homeserver.store.database import Database
from homeserver.store.write import Write
from tests.client import a_site

HERE = ServerName("localhost")
INFO = RequestInfo("192.0.2.1", "a client")
OPEN = RegistrationSettings(enabled=True, allow_guests=True)
QUICK = PasswordSettings(argon2_time_cost=1, argon2_memory_kib=8, length_min=4)
DUMMY: JSON = {"type": "m.login.dummy"}
PASSWORD = "correct horse"
START_SECONDS = 1_700_000_000
FOREVER = SessionSettings()
SOME_DEVICE = NewSession()


@define
class FakeRooms:
    """Remembers what it was told."""

    changed: list[UserID] = field(factory=list)
    left: list[UserID] = field(factory=list)

    async def profile_changed(self, user_id: UserID) -> None:
        self.changed.append(user_id)

    async def leave_all(self, user_id: UserID) -> None:
        self.left.append(user_id)


@define
class FakePeers:
    """Other servers' profiles; a user of ``broken.org`` gets an error, and of ``silent.org`` nothing."""

    profiles: dict[UserID, Profile] = field(factory=dict)

    async def fetch(self, user_id: UserID, field: str | None) -> Profile:
        server = server_of(user_id)
        if server == "silent.org":
            raise PeerUnreachable(server, "nobody is there")
        if server == "broken.org" or user_id not in self.profiles:
            raise PeerFault(server, 404, "M_NOT_FOUND")
        profile = self.profiles[user_id]
        return profile if field is None else {name: profile[name] for name in profile if name == field}


@define
class FakeAppservices:
    """One application service, with the token ``as_token``, that owns the users called ``_bridge_*``."""

    async def caller(self, token: str, *, user_id: UserID | None, device_id: DeviceID | None) -> Caller | None:
        if token != "as_token":
            return None
        if user_id is not None and not self.owns("bridge", user_id):
            raise Exclusive
        return Caller(user_id or UserID(f"@_bridge:{HERE}"), device_id, appservice_id="bridge", is_rate_limited=False)

    def is_reserved(self, user_id: UserID, appservice_id: str | None) -> bool:
        return appservice_id != "bridge" and self.owns("bridge", user_id)

    def owns(self, appservice_id: str, user_id: UserID) -> bool:
        return appservice_id == "bridge" and user_id.startswith("@_bridge")

    def is_alias_reserved(self, alias: RoomAlias, appservice_id: str | None) -> bool:
        return alias.startswith("#_bridge") == (appservice_id is None)


@define
class FakeKeys:
    """Devices' keys: remembers which are gone; no device may be called ``CROSS_SIGNING_KEY``."""

    deleted: list[tuple[UserID, DeviceID]] = field(factory=list)
    ended: list[tuple[UserID, bool]] = field(factory=list)

    def is_device_id_free(self, tx: Write, user_id: UserID, device_id: DeviceID) -> bool:
        return device_id != "CROSS_SIGNING_KEY"

    def delete_of_devices(self, tx: Write, user_id: UserID, device_ids: Collection[DeviceID]) -> None:
        self.deleted.extend((user_id, device_id) for device_id in device_ids)

    def delete_of_account(self, tx: Write, user_id: UserID, *, erase: bool) -> None:
        self.ended.append((user_id, erase))


class Accounts:
    """All services of accounts."""

    def __init__(
        self,
        database: Database,
        registration: RegistrationSettings = OPEN,
        sessions: SessionSettings = FOREVER,
        failures: LoginFailureSettings | None = None,
        stages: Sequence[Stage] = (),
    ) -> None:
        self.database = database
        self.clock = clock = Clock()
        clock.advance(START_SECONDS)
        self.rooms, self.peers, self.appservices, self.keys = FakeRooms(), FakePeers(), FakeAppservices(), FakeKeys()
        self.hashes = PasswordHashes(QUICK)
        self.last_seen = LastSeen(database, clock)
        self.tokens = AccessTokens(database, clock, self.appservices, self.last_seen)
        database.subscribe(self.tokens.follow)
        self.sessions = Sessions(database, clock, sessions, self.tokens, DeviceErasure([self.keys]))
        self.credentials = Credentials(HERE, database, self.hashes, LoginFailures(clock, failures))
        self.interactive_auth = InteractiveAuth(
            b"s" * 32,
            database,
            clock,
            [Dummy(), Password(self.credentials), RegistrationToken(database, clock), *stages],
        )
        auth = self.interactive_auth
        self.logins = Logins(database, clock, self.credentials, self.sessions, auth, self.appservices)
        self.registration = Registration(
            HERE, registration, database, clock, self.hashes, self.sessions, auth, self.appservices
        )
        self.third_party_ids = ThirdPartyIDs(database, clock, auth)
        self.devices = Devices(database, clock, self.sessions, auth, self.last_seen)
        self.passwords = Passwords(database, self.hashes, self.sessions, auth)
        self.deactivation = Deactivation(database, self.sessions, auth, self.rooms, [self.keys])
        self.profiles = Profiles(HERE, database, self.rooms, self.peers)
        self.push_rules = PushRuleBook(database)
        database.subscribe(self.push_rules.follow)
        self.account_data = AccountData(database, self.push_rules)
        self.tags = Tags(database, self.account_data)
        self.filters = Filters(database)

    def site(self) -> EdgeSite:
        """A site that serves all of it, with real access tokens."""
        return a_site(
            RegisterEndpoints(self.registration),
            LoginEndpoints(self.logins),
            SessionEndpoints(self.sessions),
            AccountEndpoints(self.passwords, self.deactivation, self.third_party_ids),
            DeviceEndpoints(self.devices),
            ProfileEndpoints(self.profiles),
            AccountDataEndpoints(self.account_data),
            TagEndpoints(self.tags),
            FilterEndpoints(self.filters),
            PushRuleEndpoints(self.push_rules),
            CapabilityEndpoints(Capabilities(V12)),
            authenticators=token_authenticators(self.tokens),
            clock=self.clock,
        )

    async def register(self, name: str, session: NewSession = SOME_DEVICE) -> Opened:
        """A user of that name, whose password is PASSWORD, with a session."""
        return await self.registration.register(NewUser(name, PASSWORD, session), DUMMY, INFO)

    async def caller_of(self, opened: Opened) -> Caller:
        """Whom a session speaks for."""
        assert opened.tokens is not None
        return await self.tokens.caller(opened.tokens.access_token, INFO)


def by_password(name: str = "alice", password: str = PASSWORD, session: str | None = None) -> JSONObject:
    """The ``auth`` that proves a user by password."""
    auth: JSONObject = {"type": "m.login.password", "password": password}
    auth["identifier"] = {"type": "m.id.user", "user": name}
    return auth if session is None else {**auth, "session": session}
