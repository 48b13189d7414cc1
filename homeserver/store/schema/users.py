"""Users, their devices and sessions, and how they prove who they are."""

from sqlalchemy import Index, Table

from homeserver.store.schema.columns import flag, number, string
from homeserver.store.schema.tables import METADATA

users = Table(
    "users",
    METADATA,
    string("user_id", primary_key=True),
    # NULL: no password is good (guests, users of application services, single sign-on).
    string("password_hash", nullable=True),
    number("created_ms"),
    flag("is_guest"),
    flag("is_admin"),
    flag("deactivated"),
    # Deactivated with the wish to be forgotten.
    flag("erased"),
    # What an administrator may do to an account.
    flag("locked"),
    flag("suspended"),
    flag("shadow_banned"),
    # The application service it belongs to.
    string("appservice_id", nullable=True),
    string("user_type", nullable=True),
    sqlite_with_rowid=False,
)

# One row for each field of a profile, of local users; value is JSON.
profiles = Table(
    "profiles",
    METADATA,
    string("user_id", primary_key=True),
    string("field", primary_key=True),
    string("value"),
    sqlite_with_rowid=False,
)

devices = Table(
    "devices",
    METADATA,
    string("user_id", primary_key=True),
    string("device_id", primary_key=True),
    string("display_name", nullable=True),
    number("created_ms"),
    number("last_seen_ms", nullable=True),
    string("last_seen_ip", nullable=True),
    string("last_seen_agent", nullable=True),
    sqlite_with_rowid=False,
)

# Tokens are kept as hashes only.
access_tokens = Table(
    "access_tokens",
    METADATA,
    string("token_hash", primary_key=True),
    string("user_id"),
    # NULL: a token without a device (an administrator's, acting for the user).
    string("device_id", nullable=True),
    # NULL: it does not expire.
    number("expires_ms", nullable=True),
    # The refresh token that came with it.
    string("refresh_hash", nullable=True),
    number("created_ms"),
    sqlite_with_rowid=False,
)
Index("ix_access_tokens_user_id_device_id", access_tokens.c.user_id, access_tokens.c.device_id)
Index("ix_access_tokens_refresh_hash", access_tokens.c.refresh_hash)

refresh_tokens = Table(
    "refresh_tokens",
    METADATA,
    string("token_hash", primary_key=True),
    string("user_id"),
    string("device_id"),
    # The token that replaced it; it stays good until the new one, or its access token, is first used.
    string("next_hash", nullable=True),
    number("expires_ms", nullable=True),
    # The session as a whole ends then.
    number("session_expires_ms", nullable=True),
    sqlite_with_rowid=False,
)
Index("ix_refresh_tokens_user_id_device_id", refresh_tokens.c.user_id, refresh_tokens.c.device_id)
Index("ix_refresh_tokens_next_hash", refresh_tokens.c.next_hash)

# Tokens good for one m.login.token.
login_tokens = Table(
    "login_tokens",
    METADATA,
    string("token_hash", primary_key=True),
    string("user_id"),
    number("expires_ms"),
    # JSON: how the user proved who it is, for auditing and single sign-on.
    string("origin", nullable=True),
    sqlite_with_rowid=False,
)
Index("ix_login_tokens_expires_ms", login_tokens.c.expires_ms)

# Spec: client-server-api#openid
openid_tokens = Table(
    "openid_tokens",
    METADATA,
    string("token_hash", primary_key=True),
    string("user_id"),
    number("expires_ms"),
    sqlite_with_rowid=False,
)
Index("ix_openid_tokens_expires_ms", openid_tokens.c.expires_ms)

# Spec: client-server-api#token-authenticated-registration
registration_tokens = Table(
    "registration_tokens",
    METADATA,
    string("token", primary_key=True),
    # NULL: any number of times.
    number("uses_allowed", nullable=True),
    # Registrations that hold the token and are not done yet.
    number("pending"),
    number("completed"),
    number("expires_ms", nullable=True),
    sqlite_with_rowid=False,
)

# Sessions of user-interactive authentication.  Spec: client-server-api#user-interactive-authentication-api
uia_sessions = Table(
    "uia_sessions",
    METADATA,
    string("session_id", primary_key=True),
    # What the session is good for: a hash of operation and caller, so that it cannot be used for another.
    string("purpose"),
    # JSON: {stage: its outcome}
    string("completed"),
    # JSON: what is kept between the stages.
    string("remembered"),
    number("created_ms"),
    sqlite_with_rowid=False,
)
Index("ix_uia_sessions_created_ms", uia_sessions.c.created_ms)

# Addresses that were proven to be the user's.
threepids = Table(
    "threepids",
    METADATA,
    string("medium", primary_key=True),
    string("address", primary_key=True),
    string("user_id"),
    number("validated_ms"),
    number("added_ms"),
    sqlite_with_rowid=False,
)
Index("ix_threepids_user_id", threepids.c.user_id)
