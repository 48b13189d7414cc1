"""
The composition root: names every part of the server, in the order in which one stands on another.

Nothing listens before everything stands, and nothing is let go before what was accepted is done.
"""

import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import structlog
from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred, TimeoutError

from conf.reading import SettingsError
from conf.settings import Settings
from e2ee.store.schema import SCHEMA as E2EE_SCHEMA
from federation.services.signing_key import OwnKeys, load_own_keys
from federation.store.schema import SCHEMA as FEDERATION_SCHEMA
from homeserver.core.identifiers import RoomID
from homeserver.core.malformed import Malformed
from homeserver.core.versions import ROOM_VERSIONS
from homeserver.http import errors
from homeserver.http.authentication import token_authenticators
from homeserver.http.client.account import AccountEndpoints
from homeserver.http.client.account_data import AccountDataEndpoints, TagEndpoints
from homeserver.http.client.aliases import AliasEndpoints
from homeserver.http.client.capabilities import CapabilityEndpoints
from homeserver.http.client.devices import DeviceEndpoints
from homeserver.http.client.filters import FilterEndpoints
from homeserver.http.client.login import LoginEndpoints, SessionEndpoints
from homeserver.http.client.membership import MembershipEndpoints
from homeserver.http.client.profiles import ProfileEndpoints
from homeserver.http.client.push_rules import PushRuleEndpoints
from homeserver.http.client.register import RegisterEndpoints
from homeserver.http.client.room_creation import RoomCreationEndpoints
from homeserver.http.client.sending import SendingEndpoints
from homeserver.http.client.versions import VersionsEndpoints
from homeserver.http.client.wellknown import WellKnownEndpoints
from homeserver.http.edge import Edge
from homeserver.http.landing import LandingEndpoints, Welcome
from homeserver.http.limits import RequestLimits
from homeserver.http.listeners import Listeners, open_listeners
from homeserver.http.replies import Answer
from homeserver.http.request import EdgeSite
from homeserver.http.routes import Router
from homeserver.http.settings import ListenerSettings
from homeserver.services.acceptance import Acceptance
from homeserver.services.access_tokens import AccessTokens
from homeserver.services.account_data import AccountData
from homeserver.services.aliases import Aliases
from homeserver.services.alone import NoAppservices, NoPeers
from homeserver.services.capabilities import Capabilities
from homeserver.services.composing import Composer
from homeserver.services.creating import Creating
from homeserver.services.credentials import Credentials
from homeserver.services.deactivation import Deactivation
from homeserver.services.departing import Departing
from homeserver.services.device_erasure import DeviceErasure
from homeserver.services.devices import Devices
from homeserver.services.filters import Filters
from homeserver.services.interactive_auth import InteractiveAuth
from homeserver.services.inviting import Inviting
from homeserver.services.joining import Joining
from homeserver.services.known_events import KnownEvents
from homeserver.services.last_seen import LastSeen
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.log_tail import LogTail
from homeserver.services.login_failures import LoginFailures
from homeserver.services.logins import Logins
from homeserver.services.member_content import MemberContent
from homeserver.services.memberships import Memberships
from homeserver.services.own_members import OwnMembers
from homeserver.services.password_hashes import PasswordHashes
from homeserver.services.passwords import Passwords
from homeserver.services.profiles import Profiles
from homeserver.services.push_rules import PushRuleBook
from homeserver.services.redactions import Redactions
from homeserver.services.registration import Registration
from homeserver.services.resolution import Resolution
from homeserver.services.room_states import RoomStates
from homeserver.services.sending import Sending
from homeserver.services.sessions import Sessions
from homeserver.services.tags import Tags
from homeserver.services.third_party_ids import ThirdPartyIDs
from homeserver.services.timeline import Timeline
from homeserver.store.database import Database, open_database
from homeserver.store.failures import DatabaseFailure
from homeserver.store.migrate import migrate
from homeserver.store.schema.whole import SCHEMA as HOMESERVER_SCHEMA

log = structlog.get_logger(__name__)

SCHEMAS = (HOMESERVER_SCHEMA, FEDERATION_SCHEMA, E2EE_SCHEMA)
FAILURES: dict[type[Exception], Answer] = {DatabaseFailure: errors.BUSY}


@frozen(eq=False)
class Server:
    """A server that answers."""

    settings: Settings
    welcome: Welcome
    listeners: Listeners
    edge: Edge
    database: Database
    _parts: AsyncExitStack = field(repr=False)
    """Closes each part that was opened, the last first."""

    def reload(self) -> None:
        """Certificates are read again.  Raises CannotListen."""
        self.listeners.reload()

    async def stop(self) -> None:
        """What was accepted is done, within the bound that the settings name; then all is closed."""
        await self._parts.aclose()


async def start(settings: Settings, reactor: Any) -> Server:
    """
    A server as *settings* say, which answers by the time this does; or nothing of it.

    Raises SettingsError, DatabaseFailure, CannotListen.
    """
    async with AsyncExitStack() as parts:
        return await _start(settings, reactor, parts)


async def _start(settings: Settings, reactor: Any, parts: AsyncExitStack) -> Server:
    # Long because it is all there is, in the order in which it is built; each part that must be closed says so here.

    # The name, and the key that proves it.
    name = settings.server_name
    keys = _own_keys(settings.data_dir)
    room_version = ROOM_VERSIONS[settings.rooms.default_version]

    # The store.
    assert settings.database is not None, "read_settings names a database"
    migrate(settings.database, SCHEMAS)
    database = open_database(settings.database, reactor)
    parts.push_async_callback(database.close)
    tail = LogTail(database.head)
    database.subscribe(tail.extend)

    # Who else there is.
    peers = NoPeers()
    appservices = NoAppservices()

    # Rooms: what is in them, and how events get in.
    known_events = KnownEvents(database)
    tail.follow(known_events.follow)
    live_rooms = LiveRooms(database)
    composer = Composer(name, keys.current, known_events, reactor, _opaque_id)
    room_states = RoomStates(database, known_events, Resolution(known_events))
    redactions = Redactions(database, known_events, room_states)
    timeline = Timeline(
        database, known_events, live_rooms, composer, redactions, lambda: RoomID(f"!{_opaque_id()}:{name}")
    )
    acceptance = Acceptance(name, database, known_events, live_rooms, room_states, redactions)

    # Rooms: who is in them.
    memberships = Memberships(database, tail)
    tail.follow(memberships.follow)
    member_content = MemberContent(name, database)
    aliases = Aliases(name, database, known_events, live_rooms, peers)
    inviting = Inviting(name, database, known_events, live_rooms, composer, timeline, acceptance, member_content, peers)
    joining = Joining(name, known_events, live_rooms, timeline, memberships, member_content, peers)
    departing = Departing(name, database, known_events, live_rooms, timeline, memberships, member_content, peers)
    creating = Creating(timeline, inviting, aliases, member_content)
    sending = Sending(name, known_events, live_rooms, timeline, inviting, aliases)
    own_members = OwnMembers(timeline, memberships, member_content, departing)

    # Accounts: proving who one is.
    hashes = PasswordHashes(settings.passwords)
    last_seen = LastSeen(database, reactor)
    parts.push_async_callback(last_seen.flush)
    access_tokens = AccessTokens(database, reactor, appservices, last_seen)
    database.subscribe(access_tokens.follow)
    sessions = Sessions(database, reactor, settings.sessions, access_tokens, DeviceErasure())
    failures = LoginFailures(reactor, settings.login_failures if settings.rate_limits.enabled else None)
    credentials = Credentials(name, database, hashes, failures)
    interactive_auth = InteractiveAuth(_interactive_secret(keys), database, reactor, credentials)
    logins = Logins(database, reactor, credentials, sessions, interactive_auth, appservices)
    registration_settings = evolve(settings.registration, enabled=settings.registration_is_open)
    registration = Registration(
        name, registration_settings, database, reactor, hashes, sessions, interactive_auth, appservices
    )
    passwords = Passwords(database, hashes, sessions, interactive_auth)
    deactivation = Deactivation(database, sessions, interactive_auth, own_members)

    # Accounts: what belongs to one.
    devices = Devices(database, reactor, sessions, interactive_auth)
    profiles = Profiles(name, database, own_members, peers)
    push_rules = PushRuleBook(database)
    database.subscribe(push_rules.follow)
    account_data = AccountData(database, push_rules, settings.account_data)
    filters = Filters(database)

    # Endpoints.
    welcome = Welcome(name, settings.baseurl, settings.registration_is_open, settings.registration.tokens_required)
    endpoints = (
        LandingEndpoints(welcome),
        VersionsEndpoints({}),
        WellKnownEndpoints(settings.baseurl, settings.support),
        CapabilityEndpoints(Capabilities(room_version)),
        RegisterEndpoints(registration),
        LoginEndpoints(logins),
        SessionEndpoints(sessions),
        AccountEndpoints(passwords, deactivation, ThirdPartyIDs(database)),
        DeviceEndpoints(devices),
        ProfileEndpoints(profiles),
        AccountDataEndpoints(account_data),
        TagEndpoints(Tags(database, account_data)),
        FilterEndpoints(filters),
        PushRuleEndpoints(push_rules),
        RoomCreationEndpoints(name, room_version, creating),
        MembershipEndpoints(joining, inviting, departing, memberships, aliases),
        SendingEndpoints(sending),
        AliasEndpoints(aliases),
    )

    # The edge, and last of all the doors.
    limits = RequestLimits(lambda: reactor.seconds() * 1000, settings.rate_limits)
    edge = Edge(Router(endpoints), token_authenticators(access_tokens), limits, FAILURES)
    parts.push_async_callback(_drain, edge, settings.http.drain_seconds, reactor)

    def site_of(listener: ListenerSettings) -> EdgeSite:
        return EdgeSite(edge, settings.http, reactor, x_forwarded_for=listener.x_forwarded_for)

    listeners = open_listeners(settings.listeners, site_of, reactor)
    parts.push_async_callback(listeners.close)
    return Server(settings, welcome, listeners, edge, database, parts.pop_all())


async def _drain(edge: Edge, seconds: float, reactor: Any) -> None:
    try:
        await Deferred.fromCoroutine(edge.drain()).addTimeout(seconds, reactor)
    except TimeoutError:
        log.warning("requests were still under way when their time to end was over")


def _own_keys(data_dir: Path) -> OwnKeys:
    """The server's keys, made on first start together with the folder.  Raises SettingsError."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return load_own_keys(data_dir)
    except OSError as error:
        raise SettingsError([f"data_dir: {error.filename} cannot be used: {error.strerror}."]) from error
    except Malformed as error:
        raise SettingsError([f"data_dir: {data_dir / error.path} holds no key: {error.reason}"]) from error


def _interactive_secret(keys: OwnKeys) -> bytes:
    """The same in every process, as all of them hold the key; nobody else can make it, as nothing else signs this."""
    return keys.current.sign(b"folkmoot: sessions of interactive authentication")[:32]


def _opaque_id() -> str:
    return secrets.token_urlsafe(18)
