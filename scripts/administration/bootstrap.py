"""
Accounts made on the server's own machine, straight in its database: the first administrator comes from here.

It does not matter whether the server runs, nor whether registration is open.
"""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import click
from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from conf.settings import Settings
from homeserver.core.identifiers import UserID, user_id_of
from homeserver.core.log import ACCOUNT
from homeserver.core.malformed import Malformed
from homeserver.core.registration import parse_password
from homeserver.services.administration.accounts import write_account
from homeserver.services.clock import now_ms
from homeserver.services.password_hashes import PasswordHashes
from homeserver.services.refusals import BadState, NotFound, Refusal
from homeserver.store import users
from homeserver.store.database import Database, open_database
from homeserver.store.failures import DatabaseFailure
from homeserver.store.migrate import migrate
from homeserver.store.users import NewAccount
from homeserver.store.write import Write
from scripts.parts.foundation import SCHEMAS

T = TypeVar("T")


@frozen
class FirstAccount:
    """An account that is to be made."""

    username: str
    password: str
    is_admin: bool


def register(settings: Settings, wanted: FirstAccount) -> UserID:
    """The account is there.  Raises ClickException."""
    return _run(settings, lambda database, clock: _register(settings, database, clock, wanted))


def make_admin(settings: Settings, username: str) -> UserID:
    """The account, which is there, administers the server.  Raises ClickException."""
    return _run(settings, lambda database, _: _make_admin(settings, database, username))


async def _register(settings: Settings, database: Database, clock: Any, wanted: FirstAccount) -> UserID:
    user_id = _user_id(settings, wanted.username)
    hashes = PasswordHashes(settings.passwords)
    hashes.check_policy(parse_password(wanted.password))
    account = NewAccount(user_id, await hashes.make(wanted.password), now_ms(clock), is_admin=wanted.is_admin)
    await database.write(write_account, account)
    return user_id


async def _make_admin(settings: Settings, database: Database, username: str) -> UserID:
    user_id = _user_id(settings, username)
    await database.write(_promote, user_id)
    return user_id


def _promote(tx: Write, user_id: UserID) -> None:
    user = users.by_id(tx.connection, user_id)
    if user is None:
        raise NotFound(f"There is no account {user_id}.")
    if user.is_guest or user.deactivated:
        raise BadState("Guests and deactivated accounts administer nothing.")
    users.set_admin(tx, user_id, is_admin=True)
    tx.log(ACCOUNT, user_id)


def _user_id(settings: Settings, username: str) -> UserID:
    name = username.removeprefix("@").removesuffix(f":{settings.server_name}")
    return user_id_of(name.lower(), settings.server_name)


def _run(settings: Settings, work: Callable[[Database, Any], Coroutine[Any, Any, T]]) -> T:
    """What *work* answers, given the database of *settings* and a reactor that runs for as long."""
    # The commands that need none do without it.
    from twisted.internet import reactor

    outcome: list[T] = []
    problems: list[str] = []

    async def whole() -> None:
        database = None
        try:
            assert settings.database is not None, "read_settings names a database"
            settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            migrate(settings.database, SCHEMAS)
            database = open_database(settings.database, reactor)  # type: ignore[arg-type]
            outcome.append(await work(database, reactor))
        except (Malformed, Refusal, DatabaseFailure) as error:
            problems.append(str(error))
        finally:
            if database is not None:
                await database.close()
            reactor.stop()

    unforeseen: list[BaseException] = []

    def note(failure: Failure) -> None:
        assert failure.value is not None
        unforeseen.append(failure.value)

    def begin() -> None:
        Deferred.fromCoroutine(whole()).addErrback(note)

    reactor.callWhenRunning(begin)
    reactor.run()
    if unforeseen:
        raise unforeseen[0]
    if problems:
        raise click.ClickException(problems[0])
    return outcome[0]
