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

from attrs import field, fields, frozen

import scripts.proposals
from homeserver.core.canonical import JSON
from homeserver.core.identifiers import RoomID, ServerName
from homeserver.core.versions import RoomVersion, register
from homeserver.http.client.messages import EventDetour
from homeserver.http.client.send_options import RedactOption, RemovalOption, SendDetour, SendOption
from homeserver.services.admission import Witness
from homeserver.services.companions import Companion, StateCompanion
from homeserver.services.housekeeping import Chore
from homeserver.services.log_tail import Follower
from homeserver.services.ports import AccountBelongings, SubscribedThreads
from homeserver.services.sync.section import SyncSection
from homeserver.services.unsigned import Unsigned
from scripts.parts.ground import Ground


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
    state_companions: Sequence[StateCompanion] = ()
    """What is written together with what is current by another event."""
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
    """All proposals of the folder together, in the order of their modules' names; what stands knows of them."""
    every = [module.propose(ground) for module in _modules()]
    for proposal in every:
        ground.send_options.extend(proposal.send_options)
        ground.unsigned.extend(proposal.unsigned)
        for version in proposal.room_versions:
            register(version)
    together = Proposal(**{each.name: _joined([getattr(one, each.name) for one in every]) for each in fields(Proposal)})
    _connect(ground, together)
    return together


def _joined(parts: Sequence[Any]) -> Any:
    """Mappings as one mapping, in which the last counts; sequences one after another."""
    if any(isinstance(part, Mapping) for part in parts):
        return {key: value for part in parts for key, value in part.items()}
    return [each for part in parts for each in part]


def _connect(ground: Ground, proposals: Proposal) -> None:
    for door in (ground.rooms.timeline, ground.rooms.acceptance):
        door.companions.extend(proposals.companions)
    ground.rooms.acceptance.state_companions.extend(proposals.state_companions)
    ground.replicas.arrival.state_companions.extend(proposals.state_companions)
    ground.replicas.history.companions.extend(proposals.history_companions)
    ground.rooms.redactions.witnesses.extend(proposals.witnesses)
    ground.reading.shown.unsigned.extend(proposals.unsigned)
    deactivation = ground.sign_in.deactivation
    deactivation.belongings = [*deactivation.belongings, *proposals.belongings]


def _modules() -> Iterable[Any]:
    names = sorted(info.name for info in pkgutil.iter_modules(scripts.proposals.__path__))
    for name in names:
        module = import_module(f"{scripts.proposals.__name__}.{name}")
        if module.__name__ != __name__:
            yield module
