"""All tables of this package."""

from homeserver.store.schema import accounts, directory, events, identity, log, notices, rooms, users
from homeserver.store.schema.columns import Schema
from homeserver.store.schema.tables import METADATA

SUBJECTS = (accounts, directory, events, identity, log, notices, rooms, users)
SCHEMA = Schema("homeserver", METADATA, "homeserver.store.migrations.versions", "homeserver_0004")
