"""What everything stands on: the settings, the server's name and keys, the database and its log."""

import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from conf.reading import SettingsError
from conf.settings import Settings
from e2ee.store.schema import SCHEMA as E2EE_SCHEMA
from federation.services.signing_key import FILE_NAME, OwnKeys, load_own_keys
from federation.store.schema import SCHEMA as FEDERATION_SCHEMA
from homeserver.core.malformed import Malformed
from homeserver.core.versions import ROOM_VERSIONS
from homeserver.services.jobs.service import Jobs
from homeserver.services.log_tail import LogTail
from homeserver.store.database import open_database
from homeserver.store.migrate import migrate
from homeserver.store.schema.whole import SCHEMA as HOMESERVER_SCHEMA

SCHEMAS = (HOMESERVER_SCHEMA, FEDERATION_SCHEMA, E2EE_SCHEMA)


class Foundation:
    """
    What everything stands on: the settings, the server's name and keys, the database and its log.

    Raises SettingsError, DatabaseFailure.
    """

    def __init__(self, settings: Settings, reactor: Any, closing: AsyncExitStack) -> None:
        self.settings = settings
        self.reactor = reactor
        self.closing = closing
        """Closes each part that was opened, the last first; whoever opens one says so here."""

        self.name = settings.server_name
        self.keys = own_keys(settings.data_dir)
        self.room_version = ROOM_VERSIONS[settings.rooms.default_version]

        assert settings.database is not None, "read_settings names a database"
        self.database_kind = settings.database.url.partition(":")[0]
        migrate(settings.database, SCHEMAS)
        self.database = open_database(settings.database, reactor)
        closing.push_async_callback(self.database.close)
        self.tail = LogTail(self.database.head)
        self.database.subscribe(self.tail.extend)

        self.jobs = Jobs(self.database, reactor, opaque_id(), settings.jobs)
        self.tail.follow(self.jobs.follow)


def own_keys(data_dir: Path, file_name: str = FILE_NAME, key_name: str | None = None) -> OwnKeys:
    """The server's keys, made on first start together with the folder.  Raises SettingsError."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return load_own_keys(data_dir, file_name, key_name)
    except OSError as error:
        raise SettingsError([f"data_dir: {error.filename} cannot be used: {error.strerror}."]) from error
    except Malformed as error:
        raise SettingsError([f"data_dir: {data_dir / error.path} holds no key: {error.reason}"]) from error


def dice() -> float:
    """At least 0 and less than 1, as nobody can foretell."""
    return secrets.SystemRandom().random()


def opaque_id() -> str:
    """One that nobody made before."""
    return secrets.token_urlsafe(18)
