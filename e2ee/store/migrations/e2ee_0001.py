"""The first tables."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import number, string

revision = "e2ee_0001"
down_revision = None
branch_labels = ("e2ee",)
depends_on = None


def upgrade() -> None:
    """The first tables."""
    op.create_table(
        "backup_keys",
        string("user_id", primary_key=True),
        number("version", primary_key=True, autoincrement=False),
        string("room_id", primary_key=True),
        string("session_id", primary_key=True),
        number("first_message_index"),
        number("forwarded_count"),
        sa.Column("is_verified", sa.Boolean(), nullable=False),
        string("session_data"),
        sa.PrimaryKeyConstraint("user_id", "version", "room_id", "session_id", name=op.f("pk_backup_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "backup_versions",
        string("user_id", primary_key=True),
        number("version", primary_key=True, autoincrement=False),
        string("algorithm"),
        string("auth_data"),
        number("etag"),
        number("key_count"),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "version", name=op.f("pk_backup_versions")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cross_signing_keys",
        string("user_id", primary_key=True),
        string("usage", primary_key=True),
        string("key"),
        number("replaceable_until_ms", nullable=True),
        sa.PrimaryKeyConstraint("user_id", "usage", name=op.f("pk_cross_signing_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dehydrated_devices",
        string("user_id", primary_key=True),
        string("device_id"),
        string("device_data"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_dehydrated_devices")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "device_keys",
        string("user_id", primary_key=True),
        string("device_id", primary_key=True),
        string("keys"),
        sa.PrimaryKeyConstraint("user_id", "device_id", name=op.f("pk_device_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "device_list_changes",
        string("user_id", primary_key=True),
        number("position"),
        number("stream_id"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_device_list_changes")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("device_list_changes", schema=None) as batch_op:
        batch_op.create_index("ix_device_list_changes_position", ["position"], unique=False)

    op.create_table(
        "device_list_departures",
        string("user_id", primary_key=True),
        string("other_user_id", primary_key=True),
        number("position"),
        sa.PrimaryKeyConstraint("user_id", "other_user_id", name=op.f("pk_device_list_departures")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("device_list_departures", schema=None) as batch_op:
        batch_op.create_index("ix_device_list_departures_position", ["user_id", "position"], unique=False)

    op.create_table(
        "fallback_keys",
        string("user_id", primary_key=True),
        string("device_id", primary_key=True),
        string("algorithm", primary_key=True),
        string("key_id"),
        string("key"),
        sa.Column("used", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "device_id", "algorithm", name=op.f("pk_fallback_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "key_signatures",
        string("target_user_id", primary_key=True),
        string("target_key", primary_key=True),
        string("signer_user_id", primary_key=True),
        string("signer_key_id", primary_key=True),
        string("signature"),
        sa.PrimaryKeyConstraint(
            "target_user_id", "target_key", "signer_user_id", "signer_key_id", name=op.f("pk_key_signatures")
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "one_time_keys",
        string("user_id", primary_key=True),
        string("device_id", primary_key=True),
        string("algorithm", primary_key=True),
        string("key_id", primary_key=True),
        string("key"),
        number("position"),
        sa.PrimaryKeyConstraint("user_id", "device_id", "algorithm", "key_id", name=op.f("pk_one_time_keys")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("one_time_keys", schema=None) as batch_op:
        batch_op.create_index(
            "ix_one_time_keys_position", ["user_id", "device_id", "algorithm", "position"], unique=False
        )

    op.create_table(
        "remote_device_keys",
        string("user_id", primary_key=True),
        string("device_id", primary_key=True),
        string("keys", nullable=True),
        string("display_name", nullable=True),
        sa.PrimaryKeyConstraint("user_id", "device_id", name=op.f("pk_remote_device_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "remote_device_lists",
        string("user_id", primary_key=True),
        number("stream_id", nullable=True),
        sa.Column("stale", sa.Boolean(), nullable=False),
        number("fetched_ms"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_remote_device_lists")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "to_device",
        string("user_id", primary_key=True),
        string("device_id", primary_key=True),
        number("position", primary_key=True, autoincrement=False),
        string("sender"),
        string("type"),
        string("content"),
        sa.PrimaryKeyConstraint("user_id", "device_id", "position", name=op.f("pk_to_device")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "to_device_seen",
        string("origin", primary_key=True),
        string("message_id", primary_key=True),
        number("received_ms"),
        sa.PrimaryKeyConstraint("origin", "message_id", name=op.f("pk_to_device_seen")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("to_device_seen", schema=None) as batch_op:
        batch_op.create_index("ix_to_device_seen_received_ms", ["received_ms"], unique=False)


def downgrade() -> None:
    """What it was before."""
    with op.batch_alter_table("to_device_seen", schema=None) as batch_op:
        batch_op.drop_index("ix_to_device_seen_received_ms")

    op.drop_table("to_device_seen")
    op.drop_table("to_device")
    op.drop_table("remote_device_lists")
    op.drop_table("remote_device_keys")
    with op.batch_alter_table("one_time_keys", schema=None) as batch_op:
        batch_op.drop_index("ix_one_time_keys_position")

    op.drop_table("one_time_keys")
    op.drop_table("key_signatures")
    op.drop_table("fallback_keys")
    with op.batch_alter_table("device_list_departures", schema=None) as batch_op:
        batch_op.drop_index("ix_device_list_departures_position")

    op.drop_table("device_list_departures")
    with op.batch_alter_table("device_list_changes", schema=None) as batch_op:
        batch_op.drop_index("ix_device_list_changes_position")

    op.drop_table("device_list_changes")
    op.drop_table("device_keys")
    op.drop_table("dehydrated_devices")
    op.drop_table("cross_signing_keys")
    op.drop_table("backup_versions")
    op.drop_table("backup_keys")
