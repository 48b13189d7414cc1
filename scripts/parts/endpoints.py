"""What is served, chapter by chapter: each operation by the class that has it."""

from importlib.metadata import version

from e2ee.http.client.cross_signing import CrossSigningEndpoints
from e2ee.http.client.dehydrated_device import DehydratedDeviceEndpoints
from e2ee.http.client.key_backup import KeyBackupEndpoints
from e2ee.http.client.keys import DeviceKeyEndpoints
from e2ee.http.client.to_device import ToDeviceEndpoints
from e2ee.http.server import ServerKeyEndpoints
from e2ee.services.cross_signing import CrossSigning
from e2ee.services.dehydrated_devices import DehydratedDevices
from e2ee.services.device_keys import DeviceKeys
from e2ee.services.key_backup import KeyBackups
from e2ee.services.key_signatures import KeySignatures
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
from federation.services.notary import Notary
from federation.services.policy_servers import PolicySigning
from federation.services.space_queries import SpaceQueries
from homeserver.core.pushers import EMAIL, HTTP
from homeserver.core.unpadded_base64 import encode_base64
from homeserver.http.client.account import AccountEndpoints
from homeserver.http.client.account_data import AccountDataEndpoints, TagEndpoints
from homeserver.http.client.account_renewal import AccountRenewalEndpoints
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
from homeserver.http.client.wellknown import WellKnownEndpoints, client_configuration
from homeserver.http.landing import LandingEndpoints, Welcome
from homeserver.services.administration.whois import WhoIs
from homeserver.services.appservices.pinging import Pinging
from homeserver.services.capabilities import Capabilities
from homeserver.services.mutual_rooms import MutualRooms
from homeserver.services.pushers import Pushers
from homeserver.services.reporting import Reporting
from homeserver.services.stages.on_pages import StagesOnPages
from scripts.parts.administration import Administration
from scripts.parts.appservice_traffic import AppserviceTraffic
from scripts.parts.federation import Federation
from scripts.parts.ground import Ground
from scripts.parts.identity import Identity
from scripts.parts.push import Push
from scripts.parts.syncing import Syncing
from scripts.proposals.proposal import Proposal


def server_endpoints(ground: Ground, welcome: Welcome, proposals: Proposal) -> tuple[object, ...]:
    """What the server tells of itself."""
    base = ground.base
    return (
        LandingEndpoints(welcome),
        VersionsEndpoints(proposals.features),
        WellKnownEndpoints(
            base.settings.baseurl,
            base.settings.support,
            proposals.well_known,
            _shown_key(ground.rooms.policy_requests.own),
        ),
        CapabilityEndpoints(
            Capabilities(base.room_version, proposals.capabilities, can_mail=ground.sign_in.mailing is not None)
        ),
        TurnEndpoints(base.reactor, base.settings.turn),
    )


def account_endpoints(
    ground: Ground, identity: Identity, push: Push, administration: Administration, proposals: Proposal
) -> tuple[object, ...]:
    """Accounts: how they begin, how one proves to be theirs, and how they end."""
    sign_in, settings = ground.sign_in, ground.base.settings
    # An address that nobody has named is good for whoever found it, and for nobody else.
    told = None if settings.public_baseurl is None else client_configuration(settings.baseurl, proposals.well_known)
    return (
        RegisterEndpoints(sign_in.registration),
        LoginEndpoints(sign_in.logins, well_known=told),
        LoginPageEndpoints(),
        StagePageEndpoints(StagesOnPages(sign_in.interactive_auth, sign_in.validation)),
        SessionEndpoints(sign_in.sessions),
        AccountEndpoints(sign_in.passwords, sign_in.deactivation, sign_in.third_party_ids),
        ValidationEndpoints(sign_in.validation, settings.registration_is_open),
        ThirdPartyIDEndpoints(sign_in.third_party_ids),
        *([EmailConfirmationEndpoints(sign_in.validation)] if sign_in.validation is not None else []),
        *([EmailUnsubscriptionEndpoints(push.digesting)] if push.digesting is not None else []),
        AccountRenewalEndpoints(sign_in.validity),
        IdentityEndpoints(identity.bindings),
        OpenIDEndpoints(ground.users.openid),
        AdminEndpoints(administration.standing, WhoIs(ground.base.database, ground.sign_in.last_seen)),
    )


def user_endpoints(ground: Ground, push: Push) -> tuple[object, ...]:
    """What belongs to users, and how they find one another."""
    base, users = ground.base, ground.users
    return (
        DeviceEndpoints(users.devices),
        ProfileEndpoints(users.profiles),
        UserDirectoryEndpoints(users.user_directory),
        MutualRoomEndpoints(MutualRooms(base.database, ground.members.memberships)),
        AccountDataEndpoints(users.account_data),
        TagEndpoints(users.tags),
        FilterEndpoints(users.filters),
        PushRuleEndpoints(users.push_rules),
        PusherEndpoints(
            Pushers(
                base.database, base.reactor, base.settings.push, (HTTP,) if push.digesting is None else (HTTP, EMAIL)
            ),
            allow_http=base.settings.push.allow_http or not base.settings.outbound.verify_tls,
        ),
        NotificationEndpoints(push.notifications),
    )


def room_endpoints(
    ground: Ground, identity: Identity, traffic: AppserviceTraffic, proposals: Proposal
) -> tuple[object, ...]:
    """Rooms: how they are made, who is in them, and how they are found."""
    base, roster, asking = ground.base, ground.appservices.roster, ground.appservices.requests
    members, reading = ground.members, ground.reading
    return (
        RoomCreationEndpoints(base.name, base.room_version, members.creating, identity.address_inviting),
        MembershipEndpoints(
            members.joining,
            members.inviting,
            members.departing,
            members.memberships,
            members.aliases,
            identity.address_inviting,
            identity.exchanging,
            proposals.removal_options,
        ),
        AliasEndpoints(members.aliases),
        DirectoryEndpoints(reading.directory),
        SpaceEndpoints(reading.spaces),
        RoomUpgradeEndpoints(members.upgrading),
        ReportEndpoints(Reporting(base.name, base.reactor, base.database, reading.views, reading.messages)),
        AppserviceEndpoints(Pinging(roster, asking, traffic.traffic, base.reactor), traffic.networks),
        ThirdPartyNetworkEndpoints(traffic.networks),
    )


def event_endpoints(ground: Ground, syncing: Syncing, proposals: Proposal) -> tuple[object, ...]:
    """Events: sending them, reading them, and waiting for them."""
    members, reading, news = ground.members, ground.reading, ground.news
    return (
        SendingEndpoints(
            members.sending, news.presence, proposals.send_options, proposals.send_detours, proposals.redact_options
        ),
        MessageEndpoints(reading.messages, proposals.event_detours),
        RoomStateEndpoints(reading.room_reading),
        RelationEndpoints(reading.relating),
        SearchEndpoints(reading.search),
        SyncEndpoints(syncing.sync, ground.users.filters),
        OldSyncEndpoints(syncing.stream, syncing.snapshots, reading.messages, ground.rooms.known_events),
        TypingEndpoints(news.typing, news.presence),
        ReceiptEndpoints(news.receipts, news.read_markers, news.presence),
        ReadMarkerEndpoints(news.read_markers, news.receipts, news.presence),
        PresenceEndpoints(news.presence),
    )


def encryption_endpoints(ground: Ground) -> tuple[object, ...]:
    """End-to-end encryption."""
    base, sign_in, encryption = ground.base, ground.sign_in, ground.encryption
    return (
        DeviceKeyEndpoints(
            DeviceKeys(base.database), encryption.key_queries, encryption.one_time_keys, encryption.device_lists
        ),
        CrossSigningEndpoints(
            CrossSigning(base.database, sign_in.interactive_auth),
            KeySignatures(base.name, base.database, encryption.remote_lists),
        ),
        ToDeviceEndpoints(encryption.to_device),
        KeyBackupEndpoints(KeyBackups(base.database)),
        DehydratedDeviceEndpoints(DehydratedDevices(base.database, base.reactor, sign_in.sessions)),
    )


def federation_endpoints(ground: Ground, identity: Identity, federation: Federation) -> tuple[object, ...]:
    """What other servers ask and send."""
    base, rooms, members, reading = ground.base, ground.rooms, ground.members, ground.reading
    own, ring, access = rooms.policy_requests.own, ground.servers.ring, ground.replicas.access
    return (
        KeyEndpoints(ring, Notary(ring, base.database)),
        TransactionEndpoints(federation.inbox),
        *(() if own is None else (PolicyServerEndpoints(own),)),
        ServerMembershipEndpoints(base.name, federation.residence, federation.invitations),
        ServerThirdPartyEndpoints(identity.exchanging, rooms.live_rooms, access),
        ServerEventEndpoints(base.name, base.reactor, federation.room_queries),
        QueryEndpoints(base.name, version("folkmoot"), members.aliases, ground.users.profiles),
        ServerOpenIDEndpoints(ground.users.openid),
        ServerDirectoryEndpoints(reading.directory),
        ServerSpaceEndpoints(SpaceQueries(reading.outlines, rooms.live_rooms, rooms.known_events, access)),
        ServerKeyEndpoints(ground.encryption.key_queries, ground.encryption.one_time_keys),
    )


def _shown_key(policy: PolicySigning | None) -> str | None:
    return None if policy is None else encode_base64(policy.key.verify_key)
