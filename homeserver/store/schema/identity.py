"""What identity servers were told of this server's users."""

from sqlalchemy import Table

from homeserver.store.schema.columns import string
from homeserver.store.schema.tables import METADATA

# By which identity servers an address was bound to a user here, so that it can be unbound there.
bound_addresses = Table(
    "bound_addresses",
    METADATA,
    string("user_id", primary_key=True),
    string("medium", primary_key=True),
    string("address", primary_key=True),
    # Host name and port, as clients name it.
    string("id_server", primary_key=True),
    sqlite_with_rowid=False,
)
