"""The first tables."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import blob, number, small, string

revision = "homeserver_0001"
down_revision = None
branch_labels = ("homeserver",)
depends_on = None


def upgrade() -> None:
    """The first tables."""
    op.create_table(
        "access_tokens",
        string("token_hash", primary_key=True),
        string("user_id"),
        string("device_id", nullable=True),
        number("expires_ms", nullable=True),
        string("refresh_hash", nullable=True),
        string("puppets_user_id", nullable=True),
        number("created_ms"),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_access_tokens")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("access_tokens", schema=None) as batch_op:
        batch_op.create_index("ix_access_tokens_refresh_hash", ["refresh_hash"], unique=False)
        batch_op.create_index("ix_access_tokens_user_id_device_id", ["user_id", "device_id"], unique=False)

    op.create_table(
        "account_data",
        string("user_id", primary_key=True),
        string("room_id", primary_key=True),
        string("type", primary_key=True),
        string("content", nullable=True),
        number("position"),
        sa.PrimaryKeyConstraint("user_id", "room_id", "type", name=op.f("pk_account_data")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("account_data", schema=None) as batch_op:
        batch_op.create_index("ix_account_data_user_id_position", ["user_id", "position"], unique=False)

    op.create_table(
        "backward_extremities",
        number("room_nid", primary_key=True, autoincrement=False),
        string("event_id", primary_key=True),
        number("ordering"),
        sa.PrimaryKeyConstraint("room_nid", "event_id", name=op.f("pk_backward_extremities")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cursors",
        string("consumer", primary_key=True),
        number("position"),
        string("holder", nullable=True),
        number("held_until_ms", nullable=True),
        sa.PrimaryKeyConstraint("consumer", name=op.f("pk_cursors")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "devices",
        string("user_id", primary_key=True),
        string("device_id", primary_key=True),
        string("display_name", nullable=True),
        number("created_ms"),
        number("last_seen_ms", nullable=True),
        string("last_seen_ip", nullable=True),
        string("last_seen_agent", nullable=True),
        sa.PrimaryKeyConstraint("user_id", "device_id", name=op.f("pk_devices")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_states",
        number("event_nid", primary_key=True, autoincrement=False),
        number("state_nid"),
        sa.PrimaryKeyConstraint("event_nid", name=op.f("pk_event_states")),
    )
    with op.batch_alter_table("event_states", schema=None) as batch_op:
        batch_op.create_index("ix_event_states_state_nid", ["state_nid"], unique=False)

    op.create_table(
        "events",
        number("nid", primary_key=True, autoincrement=False),
        string("event_id"),
        number("room_nid"),
        number("ordering", nullable=True),
        string("type"),
        string("state_key", nullable=True),
        string("sender"),
        number("depth"),
        number("origin_server_ts"),
        blob("pdu"),
        small("status"),
        string("reason", nullable=True),
        string("redacted_by", nullable=True),
        string("device_id", nullable=True),
        string("txn_id", nullable=True),
        sa.PrimaryKeyConstraint("nid", name=op.f("pk_events")),
        sa.UniqueConstraint("event_id", name=op.f("uq_events_event_id")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("ix_events_room_nid_ordering", ["room_nid", "ordering"], unique=False)
        batch_op.create_index(
            "ix_events_room_nid_origin_server_ts",
            ["room_nid", "origin_server_ts"],
            unique=False,
            sqlite_where=sa.text("ordering IS NOT NULL"),
            postgresql_where=sa.text("ordering IS NOT NULL"),
        )

    op.create_table(
        "external_ids",
        string("provider", primary_key=True),
        string("external_id", primary_key=True),
        string("user_id"),
        sa.PrimaryKeyConstraint("provider", "external_id", name=op.f("pk_external_ids")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("external_ids", schema=None) as batch_op:
        batch_op.create_index("ix_external_ids_user_id", ["user_id"], unique=False)

    op.create_table(
        "filters",
        string("user_id", primary_key=True),
        number("filter_id", primary_key=True, autoincrement=False),
        string("filter"),
        sa.PrimaryKeyConstraint("user_id", "filter_id", name=op.f("pk_filters")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "log",
        number("position", primary_key=True, autoincrement=False),
        string("kind"),
        string("subject"),
        number("ref", nullable=True),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_log")),
    )
    op.create_table(
        "log_head",
        small("one", primary_key=True, autoincrement=False),
        number("position"),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_log_head")),
    )
    op.create_table(
        "login_tokens",
        string("token_hash", primary_key=True),
        string("user_id"),
        number("expires_ms"),
        string("origin", nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_login_tokens")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("login_tokens", schema=None) as batch_op:
        batch_op.create_index("ix_login_tokens_expires_ms", ["expires_ms"], unique=False)

    op.create_table(
        "memberships",
        string("user_id", primary_key=True),
        number("room_nid", primary_key=True, autoincrement=False),
        string("membership"),
        number("position"),
        number("event_nid", nullable=True),
        string("sender"),
        sa.Column("forgotten", sa.Boolean(), nullable=False),
        string("stripped_state", nullable=True),
        sa.PrimaryKeyConstraint("user_id", "room_nid", name=op.f("pk_memberships")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.create_index("ix_memberships_room_nid", ["room_nid", "membership"], unique=False)

    op.create_table(
        "own_keys",
        string("key_id", primary_key=True),
        blob("verify_key"),
        number("expired_ms", nullable=True),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_own_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "profiles",
        string("user_id", primary_key=True),
        string("field", primary_key=True),
        string("value"),
        sa.PrimaryKeyConstraint("user_id", "field", name=op.f("pk_profiles")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "push_rules",
        string("user_id", primary_key=True),
        string("changes"),
        number("position"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_push_rules")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pushers",
        string("user_id", primary_key=True),
        string("app_id", primary_key=True),
        string("pushkey", primary_key=True),
        string("device_id", nullable=True),
        string("kind"),
        string("description"),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        number("cursor"),
        number("created_ms"),
        number("failing_since_ms", nullable=True),
        sa.PrimaryKeyConstraint("user_id", "app_id", "pushkey", name=op.f("pk_pushers")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("pushers", schema=None) as batch_op:
        batch_op.create_index("ix_pushers_pushkey", ["pushkey"], unique=False)

    op.create_table(
        "receipts",
        number("room_nid", primary_key=True, autoincrement=False),
        string("user_id", primary_key=True),
        string("type", primary_key=True),
        string("thread_id", primary_key=True),
        string("event_id"),
        number("event_ordering", nullable=True),
        number("ts"),
        number("position"),
        sa.PrimaryKeyConstraint("room_nid", "user_id", "type", "thread_id", name=op.f("pk_receipts")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.create_index("ix_receipts_room_nid_position", ["room_nid", "position"], unique=False)
        batch_op.create_index("ix_receipts_user_id", ["user_id", "room_nid"], unique=False)

    op.create_table(
        "redactions_waiting",
        string("redacts", primary_key=True),
        string("redaction_event_id", primary_key=True),
        sa.PrimaryKeyConstraint("redacts", "redaction_event_id", name=op.f("pk_redactions_waiting")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "refresh_tokens",
        string("token_hash", primary_key=True),
        string("user_id"),
        string("device_id"),
        string("next_hash", nullable=True),
        number("expires_ms", nullable=True),
        number("session_expires_ms", nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_refresh_tokens")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("refresh_tokens", schema=None) as batch_op:
        batch_op.create_index("ix_refresh_tokens_next_hash", ["next_hash"], unique=False)
        batch_op.create_index("ix_refresh_tokens_user_id_device_id", ["user_id", "device_id"], unique=False)

    op.create_table(
        "registration_tokens",
        string("token", primary_key=True),
        number("uses_allowed", nullable=True),
        number("pending"),
        number("completed"),
        number("expires_ms", nullable=True),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_registration_tokens")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "relations",
        number("event_nid", primary_key=True, autoincrement=False),
        number("room_nid"),
        string("relates_to"),
        string("rel_type"),
        string("event_type"),
        string("sender"),
        string("key", nullable=True),
        number("ordering", nullable=True),
        sa.PrimaryKeyConstraint("event_nid", name=op.f("pk_relations")),
    )
    with op.batch_alter_table("relations", schema=None) as batch_op:
        batch_op.create_index("ix_relations_relates_to", ["relates_to", "rel_type", "ordering"], unique=False)
        batch_op.create_index(
            "ix_relations_threads",
            ["room_nid", "ordering"],
            unique=False,
            sqlite_where=sa.text("rel_type = 'm.thread'"),
            postgresql_where=sa.text("rel_type = 'm.thread'"),
        )

    op.create_table(
        "reports",
        number("nid", primary_key=True),
        string("reporter"),
        string("subject_kind"),
        string("subject"),
        string("room_id", nullable=True),
        string("reason", nullable=True),
        number("score", nullable=True),
        number("received_ms"),
        sa.PrimaryKeyConstraint("nid", name=op.f("pk_reports")),
    )
    op.create_table(
        "room_aliases",
        string("alias", primary_key=True),
        string("room_id"),
        string("servers"),
        string("creator"),
        sa.PrimaryKeyConstraint("alias", name=op.f("pk_room_aliases")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("room_aliases", schema=None) as batch_op:
        batch_op.create_index("ix_room_aliases_room_id", ["room_id"], unique=False)

    op.create_table(
        "room_summaries",
        number("room_nid", primary_key=True, autoincrement=False),
        string("name", nullable=True),
        string("topic", nullable=True),
        string("canonical_alias", nullable=True),
        string("avatar_url", nullable=True),
        string("room_type", nullable=True),
        string("join_rule"),
        string("encryption", nullable=True),
        sa.Column("guest_can_join", sa.Boolean(), nullable=False),
        sa.Column("world_readable", sa.Boolean(), nullable=False),
        number("joined_members"),
        sa.PrimaryKeyConstraint("room_nid", name=op.f("pk_room_summaries")),
    )
    with op.batch_alter_table("room_summaries", schema=None) as batch_op:
        batch_op.create_index("ix_room_summaries_joined_members", ["joined_members", "room_nid"], unique=False)

    op.create_table(
        "rooms",
        number("nid", primary_key=True),
        string("room_id"),
        string("version", nullable=True),
        number("generation"),
        string("forward_extremities"),
        sa.Column("joined", sa.Boolean(), nullable=False),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        string("creator", nullable=True),
        string("partial_state", nullable=True),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("nid", name=op.f("pk_rooms")),
        sa.UniqueConstraint("room_id", name=op.f("uq_rooms_room_id")),
    )
    op.create_table(
        "state_changes",
        number("room_nid", primary_key=True, autoincrement=False),
        string("type", primary_key=True),
        string("state_key", primary_key=True),
        number("position", primary_key=True, autoincrement=False),
        number("event_nid", nullable=True),
        string("membership", nullable=True),
        sa.PrimaryKeyConstraint("room_nid", "type", "state_key", "position", name=op.f("pk_state_changes")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("state_changes", schema=None) as batch_op:
        batch_op.create_index(
            "ix_state_changes_member",
            ["state_key", "room_nid", "position"],
            unique=False,
            sqlite_where=sa.text("type = 'm.room.member'"),
            postgresql_where=sa.text("type = 'm.room.member'"),
        )
        batch_op.create_index("ix_state_changes_room_nid_position", ["room_nid", "position"], unique=False)

    op.create_table(
        "states",
        number("nid", primary_key=True),
        number("room_nid"),
        number("parent", nullable=True),
        number("base_position", nullable=True),
        blob("delta"),
        sa.PrimaryKeyConstraint("nid", name=op.f("pk_states")),
    )
    with op.batch_alter_table("states", schema=None) as batch_op:
        batch_op.create_index("ix_states_parent", ["parent"], unique=False)

    op.create_table(
        "threepids",
        string("medium", primary_key=True),
        string("address", primary_key=True),
        string("user_id"),
        number("validated_ms"),
        number("added_ms"),
        sa.PrimaryKeyConstraint("medium", "address", name=op.f("pk_threepids")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("threepids", schema=None) as batch_op:
        batch_op.create_index("ix_threepids_user_id", ["user_id"], unique=False)

    op.create_table(
        "transactions",
        blob("request", primary_key=True),
        string("answer"),
        number("created_ms"),
        sa.PrimaryKeyConstraint("request", name=op.f("pk_transactions")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("transactions", schema=None) as batch_op:
        batch_op.create_index("ix_transactions_created_ms", ["created_ms"], unique=False)

    op.create_table(
        "uia_sessions",
        string("session_id", primary_key=True),
        string("purpose"),
        string("completed"),
        string("remembered"),
        number("created_ms"),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_uia_sessions")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("uia_sessions", schema=None) as batch_op:
        batch_op.create_index("ix_uia_sessions_created_ms", ["created_ms"], unique=False)

    op.create_table(
        "unread",
        string("user_id", primary_key=True),
        number("room_nid", primary_key=True, autoincrement=False),
        string("thread_id", primary_key=True),
        number("upto_ordering"),
        number("notify_count"),
        number("highlight_count"),
        sa.PrimaryKeyConstraint("user_id", "room_nid", "thread_id", name=op.f("pk_unread")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "users",
        string("user_id", primary_key=True),
        string("password_hash", nullable=True),
        number("created_ms"),
        sa.Column("is_guest", sa.Boolean(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("deactivated", sa.Boolean(), nullable=False),
        sa.Column("erased", sa.Boolean(), nullable=False),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.Column("shadow_banned", sa.Boolean(), nullable=False),
        string("appservice_id", nullable=True),
        string("user_type", nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_users")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """What it was before."""
    op.drop_table("users")
    op.drop_table("unread")
    with op.batch_alter_table("uia_sessions", schema=None) as batch_op:
        batch_op.drop_index("ix_uia_sessions_created_ms")

    op.drop_table("uia_sessions")
    with op.batch_alter_table("transactions", schema=None) as batch_op:
        batch_op.drop_index("ix_transactions_created_ms")

    op.drop_table("transactions")
    with op.batch_alter_table("threepids", schema=None) as batch_op:
        batch_op.drop_index("ix_threepids_user_id")

    op.drop_table("threepids")
    with op.batch_alter_table("states", schema=None) as batch_op:
        batch_op.drop_index("ix_states_parent")

    op.drop_table("states")
    with op.batch_alter_table("state_changes", schema=None) as batch_op:
        batch_op.drop_index("ix_state_changes_room_nid_position")
        batch_op.drop_index(
            "ix_state_changes_member",
            sqlite_where=sa.text("type = 'm.room.member'"),
            postgresql_where=sa.text("type = 'm.room.member'"),
        )

    op.drop_table("state_changes")
    op.drop_table("rooms")
    with op.batch_alter_table("room_summaries", schema=None) as batch_op:
        batch_op.drop_index("ix_room_summaries_joined_members")

    op.drop_table("room_summaries")
    with op.batch_alter_table("room_aliases", schema=None) as batch_op:
        batch_op.drop_index("ix_room_aliases_room_id")

    op.drop_table("room_aliases")
    op.drop_table("reports")
    with op.batch_alter_table("relations", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_relations_threads",
            sqlite_where=sa.text("rel_type = 'm.thread'"),
            postgresql_where=sa.text("rel_type = 'm.thread'"),
        )
        batch_op.drop_index("ix_relations_relates_to")

    op.drop_table("relations")
    op.drop_table("registration_tokens")
    with op.batch_alter_table("refresh_tokens", schema=None) as batch_op:
        batch_op.drop_index("ix_refresh_tokens_user_id_device_id")
        batch_op.drop_index("ix_refresh_tokens_next_hash")

    op.drop_table("refresh_tokens")
    op.drop_table("redactions_waiting")
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.drop_index("ix_receipts_user_id")
        batch_op.drop_index("ix_receipts_room_nid_position")

    op.drop_table("receipts")
    with op.batch_alter_table("pushers", schema=None) as batch_op:
        batch_op.drop_index("ix_pushers_pushkey")

    op.drop_table("pushers")
    op.drop_table("push_rules")
    op.drop_table("profiles")
    op.drop_table("own_keys")
    with op.batch_alter_table("memberships", schema=None) as batch_op:
        batch_op.drop_index("ix_memberships_room_nid")

    op.drop_table("memberships")
    with op.batch_alter_table("login_tokens", schema=None) as batch_op:
        batch_op.drop_index("ix_login_tokens_expires_ms")

    op.drop_table("login_tokens")
    op.drop_table("log_head")
    op.drop_table("log")
    op.drop_table("filters")
    with op.batch_alter_table("external_ids", schema=None) as batch_op:
        batch_op.drop_index("ix_external_ids_user_id")

    op.drop_table("external_ids")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_events_room_nid_origin_server_ts",
            sqlite_where=sa.text("ordering IS NOT NULL"),
            postgresql_where=sa.text("ordering IS NOT NULL"),
        )
        batch_op.drop_index("ix_events_room_nid_ordering")

    op.drop_table("events")
    with op.batch_alter_table("event_states", schema=None) as batch_op:
        batch_op.drop_index("ix_event_states_state_nid")

    op.drop_table("event_states")
    op.drop_table("devices")
    op.drop_table("cursors")
    op.drop_table("backward_extremities")
    with op.batch_alter_table("account_data", schema=None) as batch_op:
        batch_op.drop_index("ix_account_data_user_id_position")

    op.drop_table("account_data")
    with op.batch_alter_table("access_tokens", schema=None) as batch_op:
        batch_op.drop_index("ix_access_tokens_user_id_device_id")
        batch_op.drop_index("ix_access_tokens_refresh_hash")

    op.drop_table("access_tokens")
