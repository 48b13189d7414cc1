"""
The composition root: names every chapter of the server, in the order in which one stands on another.

Each is a module of ``scripts/parts/``, which names every class of its subject.  Nothing listens before everything
stands, and nothing is let go before what was accepted is done.
"""

from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import Any

import structlog
from attrs import field, frozen
from twisted.internet.defer import Deferred, TimeoutError

from conf.settings import Settings
from federation.http.authenticator import ServerAuthenticator
from homeserver.http import errors
from homeserver.http.admin.audit import Audit
from homeserver.http.admin.description import DescriptionEndpoints
from homeserver.http.authentication import token_authenticators
from homeserver.http.edge import Edge
from homeserver.http.landing import Welcome
from homeserver.http.limits import RequestLimits
from homeserver.http.listeners import Listeners, open_listeners
from homeserver.http.replies import Answer
from homeserver.http.request import EdgeSite
from homeserver.http.routes import Router
from homeserver.http.rows import Authentication
from homeserver.http.settings import ListenerSettings
from homeserver.services.administration.actions import forget_actions
from homeserver.services.housekeeping import Housekeeping, forget_transactions, trim_the_log
from homeserver.services.jobs.service import forget_jobs
from homeserver.services.policy.subscriptions import PolicySubscriptions
from homeserver.store.database import Database
from homeserver.store.failures import DatabaseFailure
from scripts.parts import endpoints
from scripts.parts.administration import Administration
from scripts.parts.appservice_traffic import AppserviceTraffic
from scripts.parts.appservices import Appservices
from scripts.parts.encryption import Encryption
from scripts.parts.federation import Federation
from scripts.parts.foundation import Foundation
from scripts.parts.ground import Ground
from scripts.parts.identity import Identity
from scripts.parts.members import Members
from scripts.parts.news import News
from scripts.parts.push import Push
from scripts.parts.reading import Reading
from scripts.parts.replicas import Replicas
from scripts.parts.rooms import Rooms
from scripts.parts.servers import Servers
from scripts.parts.sign_in import SignIn
from scripts.parts.syncing import Syncing
from scripts.parts.users import Users
from scripts.proposals.proposal import Proposal, Runner, proposals_on

log = structlog.get_logger(__name__)

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
    async with AsyncExitStack() as closing:
        return await _start(settings, reactor, closing)


async def _start(settings: Settings, reactor: Any, closing: AsyncExitStack) -> Server:
    ground = await _ground(settings, reactor, closing)
    proposals = proposals_on(ground)
    identity = Identity(ground)
    syncing = Syncing(ground, proposals)
    push = Push(ground, proposals)
    traffic = AppserviceTraffic(ground)
    federation = Federation(ground, proposals)
    administration = Administration(ground, federation)
    welcome = Welcome(
        settings.server_name,
        settings.baseurl,
        settings.registration_is_open,
        settings.registration.tokens_required,
    )
    served = (
        *endpoints.server_endpoints(ground, welcome, proposals),
        *endpoints.account_endpoints(ground, identity, push, administration, proposals),
        *endpoints.user_endpoints(ground, push),
        *endpoints.room_endpoints(ground, identity, traffic, proposals),
        *endpoints.event_endpoints(ground, syncing, proposals),
        *endpoints.encryption_endpoints(ground),
        *endpoints.federation_endpoints(ground, identity, federation),
        *administration.endpoints,
        DescriptionEndpoints([type(each) for each in administration.endpoints], version("folkmoot")),
        *proposals.endpoints,
    )
    edge = _edge(ground, served, Audit(administration.actions))
    listeners = _listen(ground, edge)
    await _run(ground, proposals, push, traffic, federation)
    return Server(settings, welcome, listeners, edge, ground.base.database, closing.pop_all())


async def _ground(settings: Settings, reactor: Any, closing: AsyncExitStack) -> Ground:
    """All that a server is made of, before anything is asked of it."""
    base = Foundation(settings, reactor, closing)
    servers = Servers(base)
    await servers.destinations.load()
    appservices = Appservices(base, servers)
    await appservices.roster.start()
    rooms = Rooms(base, servers)
    await rooms.closed_rooms.load()
    replicas = Replicas(base, servers, rooms)
    members = Members(base, appservices, rooms, replicas)
    reading = Reading(base, servers, rooms, replicas, members)
    sign_in = SignIn(base, appservices, members)
    users = Users(base, servers, appservices, rooms, members, sign_in)
    encryption = Encryption(base, servers, members)
    news = News(base, rooms, members, reading, users)
    return Ground(
        base=base,
        servers=servers,
        appservices=appservices,
        rooms=rooms,
        replicas=replicas,
        members=members,
        reading=reading,
        sign_in=sign_in,
        users=users,
        encryption=encryption,
        news=news,
    )


def _edge(ground: Ground, served: tuple[object, ...], audit: Audit) -> Edge:
    """Where requests come in: who asks, how often they may, and what answers."""
    settings, reactor, tokens = ground.base.settings, ground.base.reactor, ground.sign_in.access_tokens
    limits = RequestLimits(lambda: reactor.seconds() * 1000, settings.rate_limits)
    authenticators = {
        **token_authenticators(tokens),
        Authentication.SERVER_SIGNATURE: ServerAuthenticator(ground.servers.ring, ground.servers.destinations),
    }
    edge = Edge(Router(served), authenticators, limits, FAILURES, audit)
    tokens.listeners.append(edge.check_again)
    ground.base.closing.push_async_callback(_drain, edge, settings.http.drain_seconds, reactor)
    return edge


def _listen(ground: Ground, edge: Edge) -> Listeners:
    """The doors are open.  Raises CannotListen."""
    settings, reactor, closing = ground.base.settings, ground.base.reactor, ground.base.closing

    def site_of(listener: ListenerSettings) -> EdgeSite:
        return EdgeSite(edge, settings.http, reactor, x_forwarded_for=listener.x_forwarded_for)

    listeners = open_listeners(settings.listeners, site_of, reactor)
    closing.push_async_callback(listeners.close)
    return listeners


async def _run(
    ground: Ground, proposals: Proposal, push: Push, traffic: AppserviceTraffic, federation: Federation
) -> None:
    """All that goes on by itself is under way; it ends before the doors close, the last first."""
    base, members, users = ground.base, ground.members, ground.users
    settings, reactor, closing, mailing = base.settings, base.reactor, base.closing, ground.sign_in.mailing
    subscriptions = PolicySubscriptions(
        settings.policy.lists,
        ground.replicas.policy_rules,
        members.joining,
        members.aliases,
        users.server_notices,
        reactor,
    )
    housekeeping = Housekeeping(
        base.database,
        reactor,
        settings.housekeeping.interval_seconds,
        [
            forget_transactions(settings.housekeeping),
            trim_the_log(settings.housekeeping),
            forget_actions(settings.administration),
            forget_jobs(settings.jobs),
            ground.sign_in.validity.chore,
            *proposals.chores,
        ],
    )
    runners: list[Runner] = [
        ground.encryption.announcements,
        users.directory_keeping,
        ground.reading.search_indexing,
        federation.outbox,
        subscriptions,
        push.pushing,
        traffic.traffic,
        *proposals.runners,
        *([mailing.outgoing] if mailing is not None else []),
        *([push.digesting] if push.digesting is not None else []),
        base.jobs,
        housekeeping,
    ]
    for runner in runners:
        await runner.start()
        closing.push_async_callback(runner.stop)
    await ground.sign_in.deactivation.finish()
    await members.guest_access.sweep()


async def _drain(edge: Edge, seconds: float, reactor: Any) -> None:
    try:
        await Deferred.fromCoroutine(edge.drain()).addTimeout(seconds, reactor)
    except TimeoutError:
        log.warning("requests were still under way when their time to end was over")
