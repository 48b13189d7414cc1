"""All tables of this package."""

# Each adds its tables to METADATA.
from homeserver.store.schema import (  # noqa: F401
    accounts,
    administration,
    appservices,
    delayed_events,
    directory,
    events,
    identity,
    jobs,
    log,
    mail,
    moderation,
    notices,
    rendezvous,
    rooms,
    search,
    sliding,
    sticky_events,
    threads,
    users,
)
from homeserver.store.schema.columns import Schema
from homeserver.store.schema.tables import METADATA

SCHEMA = Schema("homeserver", METADATA, "homeserver.store.migrations.versions", "homeserver_0018")
