"""
The composition root: names every part of the server, in the order in which one stands on another.

Nothing listens before everything stands, and nothing is let go before what was accepted is done.
"""

from typing import Any, cast

import structlog
from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import AlreadyCalled, AlreadyCancelled

from conf.settings import Settings
from conf.signing_key import signing_key_in
from homeserver.http.authentication import Authenticators
from homeserver.http.client.versions import VersionsEndpoints
from homeserver.http.client.wellknown import WellKnownEndpoints
from homeserver.http.edge import Edge
from homeserver.http.landing import LandingEndpoints, Welcome
from homeserver.http.limits import RequestLimits
from homeserver.http.listeners import Listeners, open_listeners
from homeserver.http.request import EdgeSite
from homeserver.http.routes import Router
from homeserver.http.settings import ListenerSettings

log = structlog.get_logger(__name__)


@frozen(eq=False)
class Server:
    """A server that answers."""

    settings: Settings
    welcome: Welcome
    listeners: Listeners
    edge: Edge
    reactor: Any = field(repr=False)

    def reload(self) -> None:
        """Certificates are read again.  Raises CannotListen."""
        self.listeners.reload()

    async def stop(self) -> None:
        """What was accepted is done, within the bound that the settings name; then all is closed."""
        await self.listeners.close()
        await _at_most(self.settings.http.drain_seconds, self.edge.drain(), self.reactor)


async def start(settings: Settings, reactor: Any) -> Server:
    """A server as *settings* say, which answers by the time this does.  Raises SettingsError, CannotListen."""
    signing_key_in(settings.data_dir)

    # Store.
    # Rooms.
    # Accounts.
    # Federation.
    # End-to-end encryption.

    # Endpoints.
    welcome = Welcome(
        settings.server_name, settings.baseurl, settings.registration.is_open, settings.registration.tokens_required
    )
    endpoints: list[object] = [
        LandingEndpoints(welcome),
        VersionsEndpoints({}),
        WellKnownEndpoints(settings.baseurl, settings.support),
    ]
    authenticators: Authenticators = {}

    # The edge, last.
    edge = Edge(
        Router(endpoints), authenticators, RequestLimits(lambda: reactor.seconds() * 1000, settings.rate_limits)
    )

    def site_of(listener: ListenerSettings) -> EdgeSite:
        return EdgeSite(edge, settings.http, reactor, x_forwarded_for=listener.x_forwarded_for)

    listeners = open_listeners(settings.listeners, site_of, reactor)
    return Server(settings, welcome, listeners, edge, reactor)


async def _at_most(seconds: float, work: Any, reactor: Any) -> None:
    """*work* is done, or *seconds* are over."""
    done: Deferred[None] = Deferred()
    late = reactor.callLater(seconds, done.callback, None)

    def finished(_: object) -> None:
        try:
            late.cancel()
        except (AlreadyCalled, AlreadyCancelled):
            log.warning("requests were still under way when their time to end was over")
            return
        done.callback(None)

    Deferred.fromCoroutine(work).addBoth(finished)
    await cast(Any, done)
