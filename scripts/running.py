"""One run of the server: the reactor, signals, and what the terminal says."""

import gc
import signal
import sys
from contextlib import suppress
from typing import Any

from twisted.internet import epollreactor

# The fastest reactor here; it must be installed before anything imports the default one.
if "twisted.internet.reactor" not in sys.modules:
    epollreactor.install()

import click
import structlog
from attrs import define
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.python.failure import Failure

from conf.reading import SettingsError
from conf.settings import Settings
from homeserver.http.landing import Welcome
from homeserver.http.listeners import CannotListen
from homeserver.store.failures import DatabaseFailure
from scripts import lean
from scripts.logs import LogFile, start_logging
from scripts.serve import Server, start

log = structlog.get_logger(__name__)


def run(settings: Settings) -> int:
    """The server runs until it is told to stop; answers the exit status."""
    try:
        log_file = start_logging(settings.logging)
    except OSError as error:
        click.echo(f"logging.file: {error.filename} cannot be written: {error.strerror}.", err=True)
        return 2
    running = Running(settings, installed_reactor, log_file)
    running.run()
    return running.status


@define(eq=False)
class Running:
    """The server from the first signal to the last."""

    settings: Settings
    reactor: Any
    log_file: LogFile
    status: int = 0
    _server: Server | None = None
    _starting: "Deferred[None] | None" = None

    def run(self) -> None:
        """Returns once everything has stopped."""
        self.reactor.callWhenRunning(self._begin)
        self.reactor.addSystemEventTrigger("before", "shutdown", self._end)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, lambda *_: self.reactor.callFromThread(self._reload))
        self.reactor.run()

    def _begin(self) -> None:
        self._starting = Deferred.fromCoroutine(self._start()).addErrback(self._failed)

    async def _start(self) -> None:
        self._server = await start(self.settings, self.reactor)
        lean.settle()
        # What is there now stays: the collector need not walk it again and again.  To look through it for the few
        # hundred objects of no use would take 0.08 s.
        gc.freeze()
        # Requests make many values that live shortly and in no circle: a rare look is enough.
        gc.set_threshold(50_000, 20, 100)
        log.info("started", address=self._server.welcome.address)
        _greet(self._server.welcome)

    def _failed(self, failure: Failure) -> None:
        self.status = 1
        error = failure.value
        if isinstance(error, SettingsError | CannotListen | DatabaseFailure):
            click.echo(f"Folkmoot cannot start: {error}", err=True)
        else:
            log.error("the server could not start", exception=failure.getTraceback())
            click.echo(f"Folkmoot cannot start, by a mistake of its own:\n{failure.getTraceback()}", err=True)
        with suppress(ReactorNotRunning):
            self.reactor.stop()

    def _end(self) -> "Deferred[None] | None":
        # Told to stop while it starts, it stops once it has started: half of it cannot be closed.
        return self._starting and self._starting.addCallback(lambda _: Deferred.fromCoroutine(self._stop()))

    async def _stop(self) -> None:
        if self._server is not None:
            log.info("stopping")
            await self._server.stop()

    def _reload(self) -> None:
        try:
            self.log_file.reopen()
            if self._server is not None:
                self._server.reload()
        except (CannotListen, OSError) as error:
            log.error("not read again", reason=str(error))


def _greet(welcome: Welcome) -> None:
    click.echo(f"\nFolkmoot serves {welcome.server_name} at {welcome.address}\n")
    for number, step in enumerate(welcome.steps(), 1):
        click.echo(f"  {number}. {step}")
    click.echo("\nCtrl-C stops it. `folkmoot --help` tells more.\n")
