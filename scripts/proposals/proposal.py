"""
How a proposal joins the server: its module builds it on the parts that stand, and says what it adds.

Every other module of this folder is a proposal and is found by being there.  It has one function,
``propose(ground: Ground) -> Proposal``, and nothing else names what it builds: a proposal that has landed moves into
``serve.py``, one that has failed is deleted together with its own services and endpoints.
"""

import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

from attrs import field, frozen

import scripts.proposals
from conf.settings import Settings
from e2ee.services.device_lists import DeviceLists
from e2ee.services.key_counts import KeyCounts
from e2ee.services.to_device import ToDevice
from federation.http.federation_client import FederationClient
from federation.services.destinations import Destinations
from homeserver.core.canonical import JSON
from homeserver.core.identifiers import RoomID, ServerName
from homeserver.core.versions import RoomVersion, register
from homeserver.http.client.messages import EventDetour
from homeserver.http.client.send_options import RedactOption, RemovalOption, SendDetour, SendOption
from homeserver.services.account_data import AccountData
from homeserver.services.admission import Witness
from homeserver.services.client_events import ClientEvents
from homeserver.services.companions import Companion
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.housekeeping import Chore
from homeserver.services.ignored_users import IgnoredUsers
from homeserver.services.invite_permissions import InvitePermissions
from homeserver.services.jobs.service import Jobs
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.log_tail import Follower, LogTail
from homeserver.services.memberships import Memberships
from homeserver.services.messages import Messages
from homeserver.services.ports import AccountBelongings, SubscribedThreads
from homeserver.services.presence import PresenceBoard
from homeserver.services.push_rules import PushRuleBook
from homeserver.services.pushed_events import PushedEvents
from homeserver.services.recent_events import RecentEvents
from homeserver.services.redactions import Redactions
from homeserver.services.room_removal.forgetting import Forgetting
from homeserver.services.room_states import RoomStates
from homeserver.services.room_views import RoomViews
from homeserver.services.sending import Sending
from homeserver.services.shown_events import ShownEvents
from homeserver.services.sliding.extensions import SlidingExtension
from homeserver.services.state_moves import StateMoves
from homeserver.services.summaries import Summaries
from homeserver.services.sync.lazy_members import SentMembers
from homeserver.services.sync.section import SyncSection
from homeserver.services.sync.timelines import Timelines
from homeserver.services.threads import Threads
from homeserver.services.timeline import Timeline
from homeserver.services.typing import Typing
from homeserver.services.unread import UnreadCounts
from homeserver.services.unsigned import Unsigned
from homeserver.services.visible_history import VisibleHistory
from homeserver.services.wakeups import Wakeups
from homeserver.store.database import Database


@frozen(eq=False, kw_only=True)
class Ground:
    """The parts that a proposal may stand on; a field more is a line here and one in ``serve.py``."""

    settings: Settings
    reactor: Any
    name: ServerName
    database: Database
    tail: LogTail
    known_events: KnownEvents
    live_rooms: LiveRooms
    memberships: Memberships
    timeline: Timeline
    sending: Sending
    redactions: Redactions
    room_states: RoomStates
    shown: ShownEvents
    account_data: AccountData
    serial: EphemeralSerial
    wakeups: Wakeups
    client_events: ClientEvents
    peers: FederationClient
    destinations: Destinations
    opaque_id: Callable[[], str]
    presence: PresenceBoard
    ignored: IgnoredUsers
    invite_permissions: InvitePermissions
    state_moves: StateMoves
    recent: RecentEvents
    timelines: Timelines
    threads: Threads
    messages: Messages
    views: RoomViews
    summaries: Summaries
    unread: UnreadCounts
    push_rules: PushRuleBook
    pushed: PushedEvents
    typing: Typing
    sent_members: SentMembers
    to_device: ToDevice
    device_lists: DeviceLists
    key_counts: KeyCounts
    visible: VisibleHistory
    jobs: Jobs
    forgetting: Forgetting
    send_options: list[SendOption] = field(factory=list)
    """Those of all proposals, in the end."""
    unsigned: list[Unsigned] = field(factory=list)
    """Likewise."""
    sliding_extensions: list[SlidingExtension] = field(factory=list)
    """Of sliding sync: a proposal may add its own."""


class Runner(Protocol):
    """What begins once the server answers, and ends before it goes."""

    async def start(self) -> None:
        """It is under way."""

    async def stop(self) -> None:
        """It is not any more, and nothing was lost."""


@frozen(eq=False, kw_only=True)
class Proposal:
    """What one proposal adds to the server."""

    features: Mapping[str, bool] = field(factory=dict)
    """What ``/versions`` tells of it."""
    endpoints: Sequence[object] = ()
    sections: Sequence[SyncSection] = ()
    """Of a sync's answer."""
    followers: Sequence[Follower] = ()
    """Of the log."""
    runners: Sequence[Runner] = ()
    send_options: Sequence[SendOption] = ()
    """Query parameters that change what is sent."""
    send_detours: Sequence[SendDetour] = ()
    """Query parameters with which it is not sent."""
    unsigned: Sequence[Unsigned] = ()
    """Of events, as clients see them."""
    redact_options: Sequence[RedactOption] = ()
    """Members of the bodies of redactions."""
    removal_options: Sequence[RemovalOption] = ()
    """Members of the bodies of kicks and bans."""
    event_detours: Sequence[EventDetour] = ()
    """Query parameters with which an event is shown in another way."""
    companions: Sequence[Companion] = ()
    """What is written together with events."""
    history_companions: Sequence[Companion] = ()
    """What is written together with events of fetched history."""
    witnesses: Sequence[Witness] = ()
    """Told of what is about to be redacted."""
    skipped: Sequence[Callable[[ServerName, RoomID], None]] = ()
    """Called when another server is not sent some events of a room."""
    capabilities: Mapping[str, JSON] = field(factory=dict)
    room_versions: Sequence[RoomVersion] = ()
    """Known from then on."""
    chores: Sequence[Chore] = ()
    """Done now and then."""
    belongings: Sequence[AccountBelongings] = ()
    """Kept for accounts."""
    subscribed_threads: Sequence[SubscribedThreads] = ()
    """One at most: what push rules ask about threads."""
    well_known: Mapping[str, JSON] = field(factory=dict)
    """Told at ``/.well-known/matrix/client``."""


def proposals_on(ground: Ground) -> Proposal:
    """All proposals of the folder together, in the order of their modules' names."""
    every = [module.propose(ground) for module in _modules()]
    for proposal in every:
        ground.send_options.extend(proposal.send_options)
        ground.unsigned.extend(proposal.unsigned)
        for version in proposal.room_versions:
            register(version)
    return Proposal(
        features={name: there for proposal in every for name, there in proposal.features.items()},
        endpoints=[endpoint for proposal in every for endpoint in proposal.endpoints],
        sections=[section for proposal in every for section in proposal.sections],
        followers=[follower for proposal in every for follower in proposal.followers],
        runners=[runner for proposal in every for runner in proposal.runners],
        send_options=[option for proposal in every for option in proposal.send_options],
        send_detours=[detour for proposal in every for detour in proposal.send_detours],
        unsigned=[each for proposal in every for each in proposal.unsigned],
        redact_options=[option for proposal in every for option in proposal.redact_options],
        removal_options=[option for proposal in every for option in proposal.removal_options],
        event_detours=[detour for proposal in every for detour in proposal.event_detours],
        companions=[companion for proposal in every for companion in proposal.companions],
        history_companions=[companion for proposal in every for companion in proposal.history_companions],
        witnesses=[witness for proposal in every for witness in proposal.witnesses],
        skipped=[each for proposal in every for each in proposal.skipped],
        capabilities={name: each for proposal in every for name, each in proposal.capabilities.items()},
        belongings=[each for proposal in every for each in proposal.belongings],
        subscribed_threads=[each for proposal in every for each in proposal.subscribed_threads],
        room_versions=[version for proposal in every for version in proposal.room_versions],
        chores=[chore for proposal in every for chore in proposal.chores],
        well_known={name: each for proposal in every for name, each in proposal.well_known.items()},
    )


def _modules() -> Iterable[Any]:
    names = sorted(info.name for info in pkgutil.iter_modules(scripts.proposals.__path__))
    for name in names:
        module = import_module(f"{scripts.proposals.__name__}.{name}")
        if module.__name__ != __name__:
            yield module
