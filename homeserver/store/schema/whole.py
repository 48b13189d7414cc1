"""All tables of this package."""

from homeserver.store.schema import (
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

SUBJECTS = (
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
SCHEMA = Schema("homeserver", METADATA, "homeserver.store.migrations.versions", "homeserver_0015")
