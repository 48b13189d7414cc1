"""
The composition root: names every part of the server, in the order in which one stands on another.

Nothing listens before everything stands, and nothing is let go before what was accepted is done.
"""

import secrets
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import structlog
from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred, TimeoutError

from conf.appservices import read_registrations
from conf.reading import SettingsError
from conf.settings import Settings
from e2ee.http.client.cross_signing import CrossSigningEndpoints
from e2ee.http.client.dehydrated_device import DehydratedDeviceEndpoints
from e2ee.http.client.key_backup import KeyBackupEndpoints
from e2ee.http.client.keys import DeviceKeyEndpoints
from e2ee.http.client.to_device import ToDeviceEndpoints
from e2ee.http.peers import PeersKeys
from e2ee.http.server import ServerKeyEndpoints
from e2ee.services.announcements import Announcements
from e2ee.services.appservices import EncryptionForAppservices
from e2ee.services.bells import DeviceListBells
from e2ee.services.belongings import EncryptionBelongings
from e2ee.services.cross_signing import CrossSigning
from e2ee.services.dehydrated_devices import DehydratedDevices
from e2ee.services.device_keys import DeviceKeys
from e2ee.services.device_lists import DeviceLists
from e2ee.services.edus import EncryptionEdus
from e2ee.services.key_backup import KeyBackups
from e2ee.services.key_counts import KeyCounts
from e2ee.services.key_queries import KeyQueries
from e2ee.services.key_signatures import KeySignatures
from e2ee.services.moves import Moves
from e2ee.services.one_time_keys import OneTimeKeys
from e2ee.services.remote_lists import RemoteLists
from e2ee.services.sync_sections import DeviceListNews, KeyCountNews, ToDeviceNews
from e2ee.services.to_device import ToDevice
from e2ee.store.schema import SCHEMA as E2EE_SCHEMA
from federation.core.request_signing import Request, sign_request
from federation.http.admin.destinations import DestinationEndpoints
from federation.http.authenticator import ServerAuthenticator
from federation.http.federation_client import federation_client
from federation.http.key_servers import KeyRequests
from federation.http.keys import KeyEndpoints
from federation.http.server.directory import ServerDirectoryEndpoints
from federation.http.server.events import ServerEventEndpoints
from federation.http.server.membership import ServerMembershipEndpoints
from federation.http.server.openid import ServerOpenIDEndpoints
from federation.http.server.policy import PolicyServerEndpoints
from federation.http.server.queries import QueryEndpoints
from federation.http.server.spaces import ServerSpaceEndpoints
from federation.http.server.third_party_invites import ServerThirdPartyEndpoints
from federation.http.server.transactions import TransactionEndpoints
from federation.services.access import Access
from federation.services.administered_destinations import AdministeredDestinations
from federation.services.ancestry import Ancestry
from federation.services.backfill import Backfill
from federation.services.destinations import Destinations
from federation.services.distribution import Distribution
from federation.services.entering import Entering
from federation.services.ephemeral import EphemeralReceiver, EphemeralSender
from federation.services.exchanges import RemoteExchanges
from federation.services.handshakes import Handshakes
from federation.services.inbox import Inbox
from federation.services.invitations import Invitations
from federation.services.key_ring import KeyRing
from federation.services.known_keys import KnownKeys
from federation.services.lane import Surroundings
from federation.services.notary import Notary
from federation.services.outbox import Outbox
from federation.services.outgoing_pdus import OutgoingPdus
from federation.services.pdu_checks import PduChecks
from federation.services.policy_servers import PolicyRequests, PolicySigning
from federation.services.remote_directory import RemoteDirectory
from federation.services.remote_profiles import RemoteProfiles
from federation.services.remote_rooms import RemoteRooms
from federation.services.remote_spaces import RemoteSpaces
from federation.services.residence import Residence
from federation.services.room_belongings import FederationBelongings
from federation.services.room_queries import RoomQueries
from federation.services.room_servers import RoomServers
from federation.services.signing_key import FILE_NAME as SIGNING_KEY_FILE
from federation.services.signing_key import OwnKeys, load_own_keys
from federation.services.space_queries import SpaceQueries
from federation.store.schema import SCHEMA as FEDERATION_SCHEMA
from homeserver.core.identifiers import RoomID, ServerName
from homeserver.core.malformed import Malformed
from homeserver.core.pushers import EMAIL, HTTP
from homeserver.core.unpadded_base64 import encode_base64
from homeserver.core.versions import ROOM_VERSIONS
from homeserver.http import errors
from homeserver.http.admin.actions import ActionEndpoints
from homeserver.http.admin.audit import Audit
from homeserver.http.admin.description import DescriptionEndpoints
from homeserver.http.admin.jobs import JobEndpoints
from homeserver.http.admin.possessions import PossessionEndpoints
from homeserver.http.admin.registration_tokens import RegistrationTokenEndpoints
from homeserver.http.admin.reports import AdminReportEndpoints
from homeserver.http.admin.rooms import RoomEndpoints
from homeserver.http.admin.server import ServerEndpoints
from homeserver.http.admin.users import UserEndpoints
from homeserver.http.appservices import HTTPAppservices
from homeserver.http.authentication import token_authenticators
from homeserver.http.client.account import AccountEndpoints
from homeserver.http.client.account_data import AccountDataEndpoints, TagEndpoints
from homeserver.http.client.admin import AdminEndpoints
from homeserver.http.client.aliases import AliasEndpoints
from homeserver.http.client.appservices import AppserviceEndpoints
from homeserver.http.client.capabilities import CapabilityEndpoints
from homeserver.http.client.devices import DeviceEndpoints
from homeserver.http.client.directory import DirectoryEndpoints
from homeserver.http.client.email_confirmation import EmailConfirmationEndpoints
from homeserver.http.client.email_unsubscription import EmailUnsubscriptionEndpoints
from homeserver.http.client.filters import FilterEndpoints
from homeserver.http.client.identity import IdentityEndpoints
from homeserver.http.client.login import LoginEndpoints, SessionEndpoints
from homeserver.http.client.login_page import LoginPageEndpoints
from homeserver.http.client.membership import MembershipEndpoints
from homeserver.http.client.messages import MessageEndpoints
from homeserver.http.client.mutual_rooms import MutualRoomEndpoints
from homeserver.http.client.old_sync import OldSyncEndpoints
from homeserver.http.client.openid import OpenIDEndpoints
from homeserver.http.client.presence import PresenceEndpoints
from homeserver.http.client.profiles import ProfileEndpoints
from homeserver.http.client.push_rules import PushRuleEndpoints
from homeserver.http.client.pushers import NotificationEndpoints, PusherEndpoints
from homeserver.http.client.read_markers import ReadMarkerEndpoints
from homeserver.http.client.receipts import ReceiptEndpoints
from homeserver.http.client.register import RegisterEndpoints
from homeserver.http.client.relations import RelationEndpoints
from homeserver.http.client.reports import ReportEndpoints
from homeserver.http.client.room_creation import RoomCreationEndpoints
from homeserver.http.client.room_state import RoomStateEndpoints
from homeserver.http.client.room_upgrades import RoomUpgradeEndpoints
from homeserver.http.client.search import SearchEndpoints
from homeserver.http.client.sending import SendingEndpoints
from homeserver.http.client.spaces import SpaceEndpoints
from homeserver.http.client.stage_pages import StagePageEndpoints
from homeserver.http.client.sync import SyncEndpoints
from homeserver.http.client.third_party_ids import ThirdPartyIDEndpoints, ValidationEndpoints
from homeserver.http.client.third_party_networks import ThirdPartyNetworkEndpoints
from homeserver.http.client.turn import TurnEndpoints
from homeserver.http.client.typing import TypingEndpoints
from homeserver.http.client.user_directory import UserDirectoryEndpoints
from homeserver.http.client.versions import VersionsEndpoints
from homeserver.http.client.wellknown import WellKnownEndpoints
from homeserver.http.edge import Edge
from homeserver.http.identity_servers import HTTPIdentityServers
from homeserver.http.landing import LandingEndpoints, Welcome
from homeserver.http.limits import RequestLimits
from homeserver.http.listeners import Listeners, open_listeners
from homeserver.http.names import system_names
from homeserver.http.outbound import outbound_client
from homeserver.http.push_gateways import HTTPPushGateways
from homeserver.http.replies import Answer
from homeserver.http.request import EdgeSite
from homeserver.http.routes import Router
from homeserver.http.rows import Authentication
from homeserver.http.settings import ListenerSettings
from homeserver.services.acceptance import Acceptance
from homeserver.services.access_tokens import AccessTokens
from homeserver.services.account_data import AccountData
from homeserver.services.administration.accounts import Accounts
from homeserver.services.administration.actions import Actions, forget_actions
from homeserver.services.administration.notices import NoticeRounds
from homeserver.services.administration.possessions import Possessions
from homeserver.services.administration.registration_tokens import RegistrationTokens
from homeserver.services.administration.reports import Reports
from homeserver.services.administration.rooms import AdministeredRooms
from homeserver.services.administration.standing import Standing
from homeserver.services.administration.statistics import About, Statistics
from homeserver.services.administration.whois import WhoIs
from homeserver.services.aggregations import Aggregations
from homeserver.services.aliases import Aliases
from homeserver.services.appservices.gathering import Shown
from homeserver.services.appservices.networks import Networks
from homeserver.services.appservices.pinging import Pinging
from homeserver.services.appservices.queries import Queries
from homeserver.services.appservices.queue import Surroundings as AppserviceSurroundings
from homeserver.services.appservices.roster import Roster
from homeserver.services.appservices.traffic import Ephemerals, Traffic
from homeserver.services.arrival import Arrival
from homeserver.services.capabilities import Capabilities
from homeserver.services.client_events import ClientEvents
from homeserver.services.clock import now_ms
from homeserver.services.composing import Composer
from homeserver.services.creating import Creating
from homeserver.services.credentials import Credentials
from homeserver.services.deactivation import Deactivation
from homeserver.services.departing import Departing
from homeserver.services.device_erasure import DeviceErasure
from homeserver.services.devices import Devices
from homeserver.services.directory import Directory
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.filters import Filters
from homeserver.services.guest_access import GuestAccess
from homeserver.services.history import History
from homeserver.services.housekeeping import Housekeeping, forget_transactions, trim_the_log
from homeserver.services.identity.bindings import IdentityBindings
from homeserver.services.identity.exchanging import Exchanging
from homeserver.services.identity.inviting import AddressInviting
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.inheriting import Inheriting
from homeserver.services.interactive_auth import InteractiveAuth
from homeserver.services.invite_permissions import InvitePermissions
from homeserver.services.inviting import Inviting
from homeserver.services.jobs.service import Jobs, forget_jobs
from homeserver.services.joining import Joining
from homeserver.services.known_events import KnownEvents
from homeserver.services.last_seen import LastSeen
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.log_tail import LogTail
from homeserver.services.login_failures import LoginFailures
from homeserver.services.logins import Logins
from homeserver.services.member_content import MemberContent
from homeserver.services.memberships import Memberships
from homeserver.services.messages import Messages
from homeserver.services.mutual_rooms import MutualRooms
from homeserver.services.notifications import Notifications
from homeserver.services.old_sync.snapshots import Snapshots
from homeserver.services.old_sync.stream import EventStream
from homeserver.services.openid import OpenID
from homeserver.services.outliers import Outliers
from homeserver.services.own_members import OwnMembers
from homeserver.services.password_hashes import PasswordHashes
from homeserver.services.passwords import Passwords
from homeserver.services.policy.recommendations import Recommendations
from homeserver.services.policy.rules import PolicyRules
from homeserver.services.policy.subscriptions import PolicySubscriptions
from homeserver.services.presence import PresenceBoard
from homeserver.services.profiles import Profiles
from homeserver.services.push_rules import PushRuleBook
from homeserver.services.pushed_events import PushedEvents
from homeserver.services.pushers import Pushers
from homeserver.services.pushing.badges import Badges
from homeserver.services.pushing.dues import Dues
from homeserver.services.pushing.index import PusherIndex
from homeserver.services.pushing.lane import Surroundings as PushSurroundings
from homeserver.services.pushing.notices import Notices
from homeserver.services.pushing.service import Pushing
from homeserver.services.read_markers import ReadMarkers
from homeserver.services.receipts import Receipts
from homeserver.services.recent_events import RecentEvents
from homeserver.services.redactions import Redactions
from homeserver.services.registration import Registration
from homeserver.services.relating import Relating
from homeserver.services.reporting import Reporting
from homeserver.services.resolution import Resolution
from homeserver.services.room_outlines import RoomOutlines
from homeserver.services.room_reading import RoomReading
from homeserver.services.room_removal.closed_rooms import ClosedRooms
from homeserver.services.room_removal.deletion import RoomDeletion
from homeserver.services.room_removal.evicting import Evicting
from homeserver.services.room_removal.forgetting import Forgetting
from homeserver.services.room_removal.history import HistoryPurge
from homeserver.services.room_states import RoomStates
from homeserver.services.room_views import RoomViews
from homeserver.services.rule_owners import RuleOwners
from homeserver.services.search.indexing import SearchIndexing
from homeserver.services.search.service import Search
from homeserver.services.sending import Sending
from homeserver.services.server_notices import ServerNotices
from homeserver.services.sessions import Sessions
from homeserver.services.shown_events import ShownEvents
from homeserver.services.space_moves import SpaceMoves
from homeserver.services.spaces import Spaces
from homeserver.services.stages.email import EmailIdentity
from homeserver.services.stages.on_pages import StagesOnPages
from homeserver.services.stages.simple import Dummy, Password, RegistrationToken, Terms
from homeserver.services.stages.stage import Stage
from homeserver.services.state_moves import StateMoves
from homeserver.services.summaries import Summaries
from homeserver.services.sync.account_data import AccountDataNews
from homeserver.services.sync.ephemeral import EphemeralNews
from homeserver.services.sync.forks import Forks
from homeserver.services.sync.invited import InvitedRooms
from homeserver.services.sync.joined import JoinedRooms
from homeserver.services.sync.lazy_members import SentMembers
from homeserver.services.sync.left import LeftRooms
from homeserver.services.sync.presence import PresenceNews
from homeserver.services.sync.section import SyncSection
from homeserver.services.sync.service import Sync
from homeserver.services.sync.states import States
from homeserver.services.sync.timelines import Timelines
from homeserver.services.sync.unread import UnreadNews
from homeserver.services.tags import Tags
from homeserver.services.third_party_ids import ThirdPartyIDs
from homeserver.services.threads import Threads
from homeserver.services.timeline import Timeline
from homeserver.services.typing import Typing
from homeserver.services.unread import UnreadCounts
from homeserver.services.unread_keeping import UnreadKeeping
from homeserver.services.upgrading import Upgrading
from homeserver.services.user_directory import UserDirectory
from homeserver.services.user_directory_keeping import UserDirectoryKeeping
from homeserver.services.visible_history import VisibleHistory
from homeserver.services.wakeups import Wakeups
from homeserver.store.database import Database, open_database
from homeserver.store.failures import DatabaseFailure
from homeserver.store.migrate import migrate
from homeserver.store.schema.whole import SCHEMA as HOMESERVER_SCHEMA
from scripts.mailing import RoomParts, digesting_of, mailing_of
from scripts.proposals.proposal import Ground, proposals_on

log = structlog.get_logger(__name__)

POLICY_KEY_FILE = "policy.key"
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

    # Other servers: finding them, asking them, knowing their keys.
    names = system_names(reactor)
    parts.callback(names.close)
    destinations = Destinations(database, reactor, settings.federation.retry, _dice)
    await destinations.load()
    peers = federation_client(name, keys.current, reactor, names, destinations, settings.federation, _dice)
    parts.push_async_callback(peers.close)
    known_keys = KnownKeys(
        database,
        reactor,
        KeyRequests(peers),
        settings.federation.trusted_key_servers,
        settings.federation.retry,
        _dice,
        settings.federation.keys_cached_max,
    )
    ring = KeyRing(name, keys, known_keys, reactor)
    checks = PduChecks(ring)

    # Application services: who they are, and asking them for what only they can make.
    roster = Roster(read_registrations(settings.appservices, name), database, reactor)
    await roster.start()
    database.subscribe(roster.follow)
    # Where they are an administrator has said: that may well be this machine.
    appservice_client = outbound_client(reactor, names, evolve(settings.outbound, allow_private_addresses=True))
    parts.push_async_callback(appservice_client.close)
    appservice_requests = HTTPAppservices(appservice_client, settings.appservice_traffic)
    queries = Queries(roster, appservice_requests, reactor)

    # Rooms: what is in them, and how events get in.
    known_events = KnownEvents(database)
    tail.follow(known_events.follow)
    live_rooms = LiveRooms(database)
    # What is in memory of rooms goes with them; whatever is made below and keeps something of rooms says so here.
    forgetting = Forgetting([live_rooms, known_events], [known_events])
    tail.follow(forgetting.follow)
    closed_rooms = ClosedRooms(database, reactor)
    await closed_rooms.load()
    tail.follow(closed_rooms.follow)
    live_rooms.gates.append(closed_rooms.require_open)
    jobs = Jobs(database, reactor, _opaque_id(), settings.jobs)
    tail.follow(jobs.follow)
    composer = Composer(name, keys.current, known_events, reactor, _opaque_id)
    resolution = Resolution(known_events)
    room_states = RoomStates(database, known_events, resolution)
    redactions = Redactions(database, known_events, room_states)
    timeline = Timeline(
        database, known_events, live_rooms, composer, redactions, lambda: RoomID(f"!{_opaque_id()}:{name}")
    )
    policy_requests = PolicyRequests(name, peers)
    recommendations = Recommendations(known_events, policy_requests)
    timeline.recommendations = recommendations
    acceptance = Acceptance(name, database, known_events, live_rooms, room_states, redactions)
    acceptance.recommendations = recommendations

    # Rooms: what others have of them.
    outliers = Outliers(database, known_events)
    arrival = Arrival(name, database, known_events, live_rooms)
    history = History(database, known_events, live_rooms, room_states, redactions)
    ancestry = Ancestry(peers, checks, known_events, outliers)
    handshakes = Handshakes(name, keys.current, peers, checks, _opaque_id)
    access = Access(known_events)
    policy_rules = PolicyRules(name, known_events, live_rooms)
    tail.follow(policy_rules.follow)
    timeline.member_guards.guards.append(policy_rules)
    if settings.policy.serves_rooms:
        policy_key = _own_keys(settings.data_dir, POLICY_KEY_FILE, "policy_server").current
        policy_requests.own = PolicySigning(name, policy_key, live_rooms, access, policy_rules, recommendations)
    entering = Entering(reactor)
    remote_rooms = RemoteRooms(
        name, reactor, database, peers, checks, handshakes, ancestry, arrival, acceptance, live_rooms, entering
    )
    backfill = Backfill(name, peers, checks, ancestry, history, known_events, live_rooms)

    # Rooms: who is in them.
    memberships = Memberships(database, tail)
    tail.follow(memberships.follow)
    member_content = MemberContent(name, database)
    aliases = Aliases(name, database, known_events, live_rooms, remote_rooms, roster, queries)
    inviting = Inviting(
        name, database, known_events, live_rooms, composer, timeline, acceptance, member_content, remote_rooms, queries
    )
    joining = Joining(name, known_events, live_rooms, timeline, memberships, member_content, remote_rooms)
    departing = Departing(name, database, known_events, live_rooms, timeline, memberships, member_content, remote_rooms)
    guest_access = GuestAccess(name, database, known_events, live_rooms, departing)
    timeline.member_guards.guards.append(guest_access)
    tail.follow(guest_access.follow)
    creating = Creating(timeline, inviting, aliases, member_content)
    sending = Sending(name, known_events, live_rooms, timeline, inviting, aliases)
    own_members = OwnMembers(timeline, memberships, member_content, departing)
    space_moves = SpaceMoves(name, database, known_events, live_rooms, timeline, memberships)
    upgrading = Upgrading(name, database, known_events, live_rooms, timeline, aliases, member_content, space_moves)
    for way_in in (timeline, acceptance, arrival):
        way_in.companions.append(Inheriting(name))

    # Rooms: what each may read of them.
    visible = VisibleHistory(database, known_events)
    views = RoomViews(database, tail, known_events, memberships, visible)
    client_events = ClientEvents(database, known_events)
    ignored = IgnoredUsers(database)
    for reader in (client_events, ignored):
        tail.follow(reader.follow)
    aggregations = Aggregations(database, known_events, views, client_events, ignored)
    shown = ShownEvents(reactor, client_events, aggregations)
    reading = RoomReading(database, known_events, views, room_states, shown)
    messages = Messages(database, known_events, views, reading, shown, ignored, backfill)
    relating = Relating(database, known_events, views, messages, shown, ignored)
    search_indexing = SearchIndexing(database, reactor, _opaque_id(), settings.search)
    tail.follow(search_indexing.follow)
    search = Search(
        reactor,
        database,
        search_indexing,
        known_events,
        memberships,
        views,
        messages,
        reading,
        shown,
        aggregations,
        ignored,
    )
    directory = Directory(name, database, RemoteDirectory(peers))
    outlines = RoomOutlines(database, known_events, memberships)
    spaces = Spaces(name, reactor, memberships, outlines, aliases, RemoteSpaces(peers, reactor))

    # Accounts: proving who one is.
    hashes = PasswordHashes(settings.passwords)
    last_seen = LastSeen(database, reactor)
    parts.push_async_callback(last_seen.flush)
    access_tokens = AccessTokens(database, reactor, roster, last_seen)
    database.subscribe(access_tokens.follow)
    belongings = EncryptionBelongings()
    sessions = Sessions(database, reactor, settings.sessions, access_tokens, DeviceErasure([belongings]))
    failures = LoginFailures(reactor, settings.login_failures if settings.rate_limits.enabled else None)
    credentials = Credentials(name, database, hashes, failures)
    interactive_secret = _interactive_secret(keys)
    mailing = mailing_of(settings, database, reactor, interactive_secret, _opaque_id, _dice)
    validation = None if mailing is None else mailing.validation
    stages: list[Stage] = [
        Dummy(),
        Password(credentials),
        RegistrationToken(database, reactor),
        Terms(settings.terms.policies),
        *([EmailIdentity(validation)] if validation is not None else []),
    ]
    interactive_auth = InteractiveAuth(interactive_secret, database, reactor, stages)
    logins = Logins(database, reactor, credentials, sessions, interactive_auth, roster)
    registration_settings = evolve(settings.registration, enabled=settings.registration_is_open)
    registration = Registration(
        name,
        registration_settings,
        database,
        reactor,
        hashes,
        sessions,
        interactive_auth,
        roster,
        has_terms=bool(settings.terms.policies),
        can_mail=mailing is not None,
    )
    passwords = Passwords(database, hashes, sessions, interactive_auth, can_mail=mailing is not None)
    third_party_ids = ThirdPartyIDs(database, reactor, interactive_auth, validation)
    if mailing is not None:
        passwords.listeners.append(mailing.notices.password_changed)
        if mailing.settings.tell_logins:
            logins.listeners.append(mailing.notices.logged_in)
    deactivation = Deactivation(database, sessions, interactive_auth, own_members, [belongings])

    # Accounts: what belongs to one.
    devices = Devices(database, reactor, sessions, interactive_auth)
    profiles = Profiles(name, database, own_members, RemoteProfiles(peers), queries)
    push_rules = PushRuleBook(database)
    database.subscribe(push_rules.follow)
    user_directory = UserDirectory(name, database, memberships, settings.user_directory)
    directory_keeping = UserDirectoryKeeping(name, database, reactor, _opaque_id())
    tail.follow(directory_keeping.follow)
    openid = OpenID(name, database, reactor)
    account_data = AccountData(database, push_rules, settings.account_data)
    filters = Filters(database)
    tags = Tags(database, account_data)
    server_notices = ServerNotices(
        name, settings.server_notices, room_version, database, timeline, live_rooms, memberships, tags
    )
    invite_permissions = InvitePermissions(name, database, (server_notices.user_id,))
    tail.follow(invite_permissions.follow)
    timeline.member_guards.guards += (server_notices, invite_permissions)
    registration.reserved = (server_notices.user_id,)

    # End-to-end encryption: keys, and messages between devices.
    remote_keys = PeersKeys(peers)
    remote_lists = RemoteLists(database, reactor, remote_keys)
    key_queries = KeyQueries(name, database, reactor, remote_lists)
    one_time_keys = OneTimeKeys(name, database, reactor, remote_keys)
    key_counts = KeyCounts(database, tail)
    moves = Moves(database, tail)
    device_lists = DeviceLists(database, tail, memberships, moves)
    to_device = ToDevice(name, database, reactor, tail, _opaque_id)
    announcements = Announcements(name, database, tail, reactor)
    for keeper in (key_counts, moves, to_device, announcements):
        tail.follow(keeper.follow)

    # Sync: what is new, for those who wait for it.
    serial = EphemeralSerial.starting_at(now_ms(reactor))
    wakeups = Wakeups(reactor, memberships)
    recent = RecentEvents(database, tail, known_events)
    typing = Typing(reactor, serial, memberships, wakeups)
    presence = PresenceBoard(database, name, reactor, serial, memberships, wakeups, settings.presence)
    parts.callback(presence.stop)
    threads = Threads(known_events)
    receipts = Receipts(database, reactor, known_events, memberships, threads)
    read_markers = ReadMarkers(database, memberships, receipts)
    state_moves = StateMoves(known_events, database.head)
    tail.follow(state_moves.follow)
    summaries = Summaries(database, state_moves)
    pushed = PushedEvents(database, known_events, threads, summaries, state_moves)
    keeping = UnreadKeeping(database, reactor)
    unread = UnreadCounts(database, known_events, recent, threads, pushed, push_rules, ignored, keeping)
    sent_members = SentMembers(settings.sync)
    timelines = Timelines(recent, visible, Forks(name, database), client_events, aggregations)
    states = States(database, known_events, client_events, sent_members)
    forgetting.rooms += (resolution, client_events, typing, summaries, pushed, keeping)
    forgetting.histories.append(recent)
    proposals = proposals_on(
        Ground(
            settings=settings,
            reactor=reactor,
            name=name,
            database=database,
            tail=tail,
            known_events=known_events,
            live_rooms=live_rooms,
            memberships=memberships,
            timeline=timeline,
            sending=sending,
            redactions=redactions,
            room_states=room_states,
            shown=shown,
            account_data=account_data,
            serial=serial,
            wakeups=wakeups,
            client_events=client_events,
            peers=peers,
            destinations=destinations,
            opaque_id=_opaque_id,
            presence=presence,
            ignored=ignored,
            invite_permissions=invite_permissions,
            state_moves=state_moves,
            recent=recent,
            timelines=timelines,
            threads=threads,
            messages=messages,
            views=views,
            summaries=summaries,
            unread=unread,
            push_rules=push_rules,
            pushed=pushed,
            typing=typing,
            sent_members=sent_members,
            to_device=to_device,
            device_lists=device_lists,
            key_counts=key_counts,
            visible=visible,
            jobs=jobs,
            forgetting=forgetting,
        )
    )
    for door in (timeline, acceptance):
        door.companions.extend(proposals.companions)
    history.companions.extend(proposals.history_companions)
    redactions.witnesses.extend(proposals.witnesses)
    shown.unsigned.extend(proposals.unsigned)
    sections: tuple[SyncSection, ...] = (
        JoinedRooms(database, reactor, recent, timelines, states, summaries, sent_members, settings.sync),
        InvitedRooms(database, known_events, invite_permissions),
        LeftRooms(database, recent, timelines, states, settings.sync),
        AccountDataNews(database, push_rules),
        EphemeralNews(database, typing, serial),
        PresenceNews(presence, serial),
        *proposals.sections,
        UnreadNews(reactor, unread),
        ToDeviceNews(to_device),
        DeviceListNews(device_lists),
        KeyCountNews(key_counts),
    )
    for follower in (recent, unread, wakeups, DeviceListBells(database, wakeups)):
        tail.follow(follower.follow)
    for follow in proposals.followers:
        tail.follow(follow)
    sync = Sync(
        reactor, tail, serial, memberships, wakeups, ignored, presence, sections, settings.sync, [*proposals.unsigned]
    )
    stream = EventStream(
        reactor,
        database,
        tail,
        serial,
        known_events,
        memberships,
        views,
        shown,
        ignored,
        wakeups,
        settings.sync,
    )
    snapshots = Snapshots(
        reactor,
        database,
        tail,
        serial,
        known_events,
        memberships,
        messages,
        reading,
        aliases,
        ignored,
        presence,
        push_rules,
    )

    # Push: what is new, for those who do not wait for it.
    rule_owners = RuleOwners(known_events, push_rules, ignored, invite_permissions)
    deactivation.belongings = [belongings, *proposals.belongings]
    for subscribed in proposals.subscribed_threads:
        unread.subscribed = rule_owners.subscribed = subscribed
    notifications = Notifications(
        database, reactor, tail, known_events, memberships, rule_owners, pushed, client_events
    )
    badges = Badges(reactor, tail, memberships, unread)
    pusher_index = PusherIndex(database, memberships)
    forgetting.rooms.append(pusher_index)
    dues = Dues(database, tail, known_events, memberships, pushed, rule_owners, pusher_index, reactor)
    notices = Notices(database, tail, known_events, memberships, threads, badges, settings.push.include_content)
    outbound = outbound_client(reactor, names, settings.outbound)
    parts.push_async_callback(outbound.close)

    def sign_for(destination: str, method: str, path: str, content: bytes) -> str:
        return sign_request(Request(name, ServerName(destination), method, path, content), keys.current)

    identity_servers = HTTPIdentityServers(outbound, sign_for)
    bindings = IdentityBindings(database, identity_servers)
    third_party_ids.bindings = deactivation.bindings = bindings
    address_inviting = AddressInviting(identity_servers, known_events, live_rooms, timeline, inviting)
    exchanging = Exchanging(
        name, database, known_events, live_rooms, inviting, identity_servers, RemoteExchanges(peers)
    )
    push_surroundings = PushSurroundings(
        reactor, HTTPPushGateways(outbound), dues, notices, badges, settings.push, _dice
    )
    digest_parts = RoomParts(tail, known_events, summaries, notifications)
    digesting = digesting_of(settings, mailing, database, reactor, interactive_secret, digest_parts)
    digests = None if digesting is None else digesting.schedule
    pushing = Pushing(database, reactor, dues, push_surroundings, _opaque_id(), digests)
    for push_follower in (badges, pushing):
        tail.follow(push_follower.follow)

    # Application services: what they are told, and what they tell of their networks.
    traffic = Traffic(
        roster.registrations,
        AppserviceSurroundings(
            database,
            reactor,
            appservice_requests,
            EncryptionForAppservices(database),
            settings.appservice_traffic,
            _opaque_id(),
            _dice,
        ),
        Shown(database, tail, known_events, client_events, reactor),
        memberships,
        Ephemerals(typing, presence, serial),
    )
    if traffic.queues:
        tail.follow(traffic.follow)
    networks = Networks(roster, appservice_requests, database, reactor)

    # Other servers: what they send, what they ask, and what they are told.
    ephemeral = EphemeralReceiver(reactor, live_rooms, access, typing, receipts, presence)
    receivers = {**ephemeral.receivers(), **EncryptionEdus(remote_lists, to_device).receivers()}
    invitations = Invitations(name, keys.current, database, checks, live_rooms, access, timeline.member_guards, queries)
    inbox = Inbox(checks, ancestry, acceptance, known_events, live_rooms, access, entering, invitations, receivers)
    residence = Residence(
        name,
        keys.current,
        checks,
        access,
        composer,
        acceptance,
        known_events,
        live_rooms,
        room_states,
        joining,
        inviting,
    )
    room_queries = RoomQueries(name, database, known_events, live_rooms, room_states, access, residence)
    distribution = Distribution(name, database, known_events, live_rooms, state_moves)
    surroundings = Surroundings(
        name,
        database,
        reactor,
        peers,
        destinations,
        distribution,
        OutgoingPdus(distribution),
        settings.federation,
        _opaque_id,
        _dice,
        proposals.skipped,
    )
    outbox = Outbox(surroundings, distribution)
    tail.follow(outbox.follow)
    room_servers = RoomServers(database, live_rooms, reactor)
    tail.follow(room_servers.follow)
    ephemeral_sender = EphemeralSender(reactor, room_servers, outbox)
    typing.listeners.append(ephemeral_sender.send_typing)
    presence.listeners.append(ephemeral_sender.send_presence)

    # Rooms: how they end.
    evicting = Evicting(database, room_version, creating, joining, departing, timeline)
    room_deletion = RoomDeletion(database, reactor, jobs, evicting, [FederationBelongings(database, outbox)])
    jobs.add_kind(room_deletion)
    history_purge = HistoryPurge(database, known_events, jobs)
    jobs.add_kind(history_purge)

    # Administration: each class is also named in scripts/administration/endpoints.py, for the command line.
    actions = Actions(database, reactor)
    standing = Standing(name, database, sessions)
    accounts = Accounts(
        name,
        database,
        reactor,
        hashes,
        passwords,
        profiles,
        deactivation,
        roster,
        (server_notices.user_id,),
    )
    parts.push_async_callback(accounts.stop)
    notice_rounds = NoticeRounds(database, server_notices, jobs)
    jobs.add_kind(notice_rounds)
    about = About(name, version("folkmoot"), python_version(), settings.database.url.partition(":")[0], now_ms(reactor))
    administration = (
        UserEndpoints(accounts, standing),
        PossessionEndpoints(Possessions(database, reactor, sessions, devices, memberships)),
        RegistrationTokenEndpoints(RegistrationTokens(database, reactor)),
        AdminReportEndpoints(Reports(database, known_events)),
        ServerEndpoints(Statistics(database, reactor, about), notice_rounds),
        RoomEndpoints(
            AdministeredRooms(name, database, known_events, live_rooms, timeline, inviting, joining),
            room_deletion,
            history_purge,
            closed_rooms,
        ),
        JobEndpoints(jobs),
        DestinationEndpoints(AdministeredDestinations(database, destinations)),
        ActionEndpoints(actions),
    )

    # Endpoints.
    welcome = Welcome(name, settings.baseurl, settings.registration_is_open, settings.registration.tokens_required)
    endpoints = (
        LandingEndpoints(welcome),
        VersionsEndpoints(proposals.features),
        WellKnownEndpoints(settings.baseurl, settings.support, proposals.well_known, _shown_key(policy_requests.own)),
        CapabilityEndpoints(Capabilities(room_version, proposals.capabilities, can_mail=mailing is not None)),
        RegisterEndpoints(registration),
        LoginEndpoints(logins),
        LoginPageEndpoints(),
        StagePageEndpoints(StagesOnPages(interactive_auth, validation)),
        SessionEndpoints(sessions),
        AccountEndpoints(passwords, deactivation, third_party_ids),
        ValidationEndpoints(validation),
        ThirdPartyIDEndpoints(third_party_ids),
        *([EmailConfirmationEndpoints(validation)] if validation is not None else []),
        *([EmailUnsubscriptionEndpoints(digesting)] if digesting is not None else []),
        IdentityEndpoints(bindings),
        DeviceEndpoints(devices),
        ProfileEndpoints(profiles),
        UserDirectoryEndpoints(user_directory),
        MutualRoomEndpoints(MutualRooms(database, memberships)),
        OpenIDEndpoints(openid),
        TurnEndpoints(reactor, settings.turn),
        AccountDataEndpoints(account_data),
        TagEndpoints(tags),
        FilterEndpoints(filters),
        PushRuleEndpoints(push_rules),
        PusherEndpoints(
            Pushers(database, reactor, settings.push, (HTTP,) if digesting is None else (HTTP, EMAIL)),
            allow_http=settings.push.allow_http or not settings.outbound.verify_tls,
        ),
        NotificationEndpoints(notifications),
        RoomCreationEndpoints(name, room_version, creating, address_inviting),
        MembershipEndpoints(
            joining,
            inviting,
            departing,
            memberships,
            aliases,
            address_inviting,
            exchanging,
            proposals.removal_options,
        ),
        SendingEndpoints(sending, presence, proposals.send_options, proposals.send_detours, proposals.redact_options),
        AliasEndpoints(aliases),
        MessageEndpoints(messages, proposals.event_detours),
        RoomStateEndpoints(reading),
        RelationEndpoints(relating),
        SearchEndpoints(search),
        DirectoryEndpoints(directory),
        AppserviceEndpoints(Pinging(roster, appservice_requests, traffic, reactor), networks),
        ThirdPartyNetworkEndpoints(networks),
        SpaceEndpoints(spaces),
        RoomUpgradeEndpoints(upgrading),
        ReportEndpoints(Reporting(name, reactor, database, views, messages)),
        SyncEndpoints(sync, filters),
        OldSyncEndpoints(stream, snapshots, messages, known_events),
        TypingEndpoints(typing, presence),
        ReceiptEndpoints(receipts, read_markers, presence),
        ReadMarkerEndpoints(read_markers, receipts, presence),
        PresenceEndpoints(presence),
        DeviceKeyEndpoints(DeviceKeys(database), key_queries, one_time_keys, device_lists),
        CrossSigningEndpoints(CrossSigning(database, interactive_auth), KeySignatures(name, database, remote_lists)),
        ToDeviceEndpoints(to_device),
        KeyBackupEndpoints(KeyBackups(database)),
        DehydratedDeviceEndpoints(DehydratedDevices(database, reactor, sessions)),
        KeyEndpoints(ring, Notary(ring, database)),
        TransactionEndpoints(inbox),
        *(() if policy_requests.own is None else (PolicyServerEndpoints(policy_requests.own),)),
        ServerMembershipEndpoints(name, residence, invitations),
        ServerThirdPartyEndpoints(exchanging, live_rooms, access),
        ServerEventEndpoints(name, reactor, room_queries),
        QueryEndpoints(name, version("folkmoot"), aliases, profiles),
        ServerOpenIDEndpoints(openid),
        ServerDirectoryEndpoints(directory),
        ServerSpaceEndpoints(SpaceQueries(outlines, live_rooms, known_events, access)),
        ServerKeyEndpoints(key_queries, one_time_keys),
        *administration,
        AdminEndpoints(standing, WhoIs(database)),
        DescriptionEndpoints([type(each) for each in administration], version("folkmoot")),
        *proposals.endpoints,
    )

    # The edge, and last of all the doors.
    limits = RequestLimits(lambda: reactor.seconds() * 1000, settings.rate_limits)
    authenticators = {
        **token_authenticators(access_tokens),
        Authentication.SERVER_SIGNATURE: ServerAuthenticator(ring, destinations),
    }
    edge = Edge(Router(endpoints), authenticators, limits, FAILURES, Audit(actions))
    access_tokens.listeners.append(edge.check_again)
    parts.push_async_callback(_drain, edge, settings.http.drain_seconds, reactor)

    def site_of(listener: ListenerSettings) -> EdgeSite:
        return EdgeSite(edge, settings.http, reactor, x_forwarded_for=listener.x_forwarded_for)

    listeners = open_listeners(settings.listeners, site_of, reactor)
    parts.push_async_callback(listeners.close)
    await announcements.start()
    parts.push_async_callback(announcements.stop)
    directory_keeping.start()
    parts.push_async_callback(directory_keeping.stop)
    search_indexing.start()
    parts.push_async_callback(search_indexing.stop)
    await outbox.start()
    parts.push_async_callback(outbox.stop)
    subscriptions = PolicySubscriptions(settings.policy.lists, policy_rules, joining, aliases, server_notices, reactor)
    subscriptions.start()
    parts.callback(subscriptions.stop)
    await pushing.start()
    parts.push_async_callback(pushing.stop)
    await traffic.start()
    parts.push_async_callback(traffic.stop)
    for runner in proposals.runners:
        await runner.start()
        parts.push_async_callback(runner.stop)
    if mailing is not None:
        await mailing.outgoing.start()
        parts.push_async_callback(mailing.outgoing.stop)
    if digesting is not None:
        await digesting.start()
        parts.push_async_callback(digesting.stop)
    await jobs.start()
    parts.push_async_callback(jobs.stop)
    housekeeping = Housekeeping(
        database,
        reactor,
        settings.housekeeping.interval_seconds,
        [
            forget_transactions(settings.housekeeping),
            trim_the_log(settings.housekeeping),
            forget_actions(settings.administration),
            forget_jobs(settings.jobs),
            *proposals.chores,
        ],
    )
    housekeeping.start()
    parts.callback(housekeeping.stop)
    await deactivation.finish()
    await guest_access.sweep()
    return Server(settings, welcome, listeners, edge, database, parts.pop_all())


async def _drain(edge: Edge, seconds: float, reactor: Any) -> None:
    try:
        await Deferred.fromCoroutine(edge.drain()).addTimeout(seconds, reactor)
    except TimeoutError:
        log.warning("requests were still under way when their time to end was over")


def _own_keys(data_dir: Path, file_name: str = SIGNING_KEY_FILE, key_name: str | None = None) -> OwnKeys:
    """The server's keys, made on first start together with the folder.  Raises SettingsError."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return load_own_keys(data_dir, file_name, key_name)
    except OSError as error:
        raise SettingsError([f"data_dir: {error.filename} cannot be used: {error.strerror}."]) from error
    except Malformed as error:
        raise SettingsError([f"data_dir: {data_dir / error.path} holds no key: {error.reason}"]) from error


def _shown_key(policy: PolicySigning | None) -> str | None:
    return None if policy is None else encode_base64(policy.key.verify_key)


def _interactive_secret(keys: OwnKeys) -> bytes:
    """The same in every process, as all of them hold the key; nobody else can make it, as nothing else signs this."""
    return keys.current.sign(b"folkmoot: sessions of interactive authentication")[:32]


def _dice() -> float:
    return secrets.SystemRandom().random()


def _opaque_id() -> str:
    return secrets.token_urlsafe(18)
