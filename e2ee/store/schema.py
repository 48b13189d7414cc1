"""The tables of end-to-end encryption: keys, messages to devices, device lists, backups."""

from typing import Final

from sqlalchemy import Index, MetaData, Table

from homeserver.store.schema.columns import NAMING, Schema, flag, number, string

METADATA: Final = MetaData(naming_convention=NAMING)

# What waits for a device of this server until it says that it has it.
to_device = Table(
    "to_device",
    METADATA,
    string("user_id", primary_key=True),
    string("device_id", primary_key=True),
    number("position", primary_key=True, autoincrement=False),
    string("sender"),
    string("type"),
    # JSON
    string("content"),
    sqlite_with_rowid=False,
)

# Where an answer could not hold all that waited for a device: who comes back with that token, or a later one, has the
# messages up to *delivered* and no others.
to_device_batches = Table(
    "to_device_batches",
    METADATA,
    string("user_id", primary_key=True),
    string("device_id", primary_key=True),
    number("token"),
    number("delivered"),
    sqlite_with_rowid=False,
)

# Messages to devices that peers have sent and that were delivered.
to_device_seen = Table(
    "to_device_seen",
    METADATA,
    string("origin", primary_key=True),
    string("message_id", primary_key=True),
    number("received_ms"),
    sqlite_with_rowid=False,
)
Index("ix_to_device_seen_received_ms", to_device_seen.c.received_ms)

# The signed identity keys of the devices of this server's users.
device_keys = Table(
    "device_keys",
    METADATA,
    string("user_id", primary_key=True),
    string("device_id", primary_key=True),
    # JSON, as uploaded.
    string("keys"),
    sqlite_with_rowid=False,
)

one_time_keys = Table(
    "one_time_keys",
    METADATA,
    string("user_id", primary_key=True),
    string("device_id", primary_key=True),
    string("algorithm", primary_key=True),
    string("key_id", primary_key=True),
    # JSON
    string("key"),
    # Older keys are given out first.
    number("position"),
    sqlite_with_rowid=False,
)
Index(
    "ix_one_time_keys_position",
    one_time_keys.c.user_id,
    one_time_keys.c.device_id,
    one_time_keys.c.algorithm,
    one_time_keys.c.position,
)

fallback_keys = Table(
    "fallback_keys",
    METADATA,
    string("user_id", primary_key=True),
    string("device_id", primary_key=True),
    string("algorithm", primary_key=True),
    string("key_id"),
    # JSON
    string("key"),
    flag("used"),
    sqlite_with_rowid=False,
)

# Master, self-signing and user-signing keys, of users here and elsewhere.
cross_signing_keys = Table(
    "cross_signing_keys",
    METADATA,
    string("user_id", primary_key=True),
    # 'master', 'self_signing' or 'user_signing'
    string("usage", primary_key=True),
    # JSON, without signatures by others.
    string("key"),
    sqlite_with_rowid=False,
)

# Signatures on device keys and cross-signing keys that were uploaded apart from them.
key_signatures = Table(
    "key_signatures",
    METADATA,
    # Whose key was signed, and which: a device ID, or a public master key.
    string("target_user_id", primary_key=True),
    string("target_key", primary_key=True),
    string("signer_user_id", primary_key=True),
    string("signer_key_id", primary_key=True),
    string("signature"),
    number("position"),
    sqlite_with_rowid=False,
)
Index("ix_key_signatures_signer_user_id_position", key_signatures.c.signer_user_id, key_signatures.c.position)

# The newest change of each user's devices or cross-signing keys.
device_list_changes = Table(
    "device_list_changes",
    METADATA,
    string("user_id", primary_key=True),
    number("position"),
    sqlite_with_rowid=False,
)
Index("ix_device_list_changes_position", device_list_changes.c.position)

# Of local users: how many m.device_list_update were sent for them.
device_list_streams = Table(
    "device_list_streams",
    METADATA,
    string("user_id", primary_key=True),
    number("stream_id"),
    sqlite_with_rowid=False,
)

# What other servers were last told of the devices and cross-signing keys of local users.
announced_devices = Table(
    "announced_devices",
    METADATA,
    string("user_id", primary_key=True),
    # '': the cross-signing keys
    string("device_id", primary_key=True),
    # A hash of what was said.
    string("digest"),
    sqlite_with_rowid=False,
)

# Device lists of users of other servers, as far as they are followed.
remote_device_lists = Table(
    "remote_device_lists",
    METADATA,
    string("user_id", primary_key=True),
    # The newest update that is worked in.
    number("stream_id", nullable=True),
    # It must be fetched whole before it is used.
    flag("stale"),
    number("fetched_ms"),
    sqlite_with_rowid=False,
)

remote_device_keys = Table(
    "remote_device_keys",
    METADATA,
    string("user_id", primary_key=True),
    string("device_id", primary_key=True),
    # JSON; NULL: a device without keys.
    string("keys", nullable=True),
    string("display_name", nullable=True),
    sqlite_with_rowid=False,
)

# Spec: client-server-api#server-side-key-backups
backup_versions = Table(
    "backup_versions",
    METADATA,
    string("user_id", primary_key=True),
    number("version", primary_key=True, autoincrement=False),
    string("algorithm"),
    # JSON
    string("auth_data"),
    number("etag"),
    number("key_count"),
    flag("deleted"),
    sqlite_with_rowid=False,
)

backup_keys = Table(
    "backup_keys",
    METADATA,
    string("user_id", primary_key=True),
    number("version", primary_key=True, autoincrement=False),
    string("room_id", primary_key=True),
    string("session_id", primary_key=True),
    number("first_message_index"),
    number("forwarded_count"),
    flag("is_verified"),
    # JSON
    string("session_data"),
    sqlite_with_rowid=False,
)

dehydrated_devices = Table(
    "dehydrated_devices",
    METADATA,
    string("user_id", primary_key=True),
    string("device_id"),
    # JSON, which only the user can read.
    string("device_data"),
    sqlite_with_rowid=False,
)

SCHEMA = Schema("e2ee", METADATA, "e2ee.store.migrations", "e2ee_0001")
