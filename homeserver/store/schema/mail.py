"""Mail: who is proving an address, what waits to be sent, whom digests are due to; and terms that were accepted."""

from sqlalchemy import Index, Table

from homeserver.store.schema.columns import blob, flag, number, string
from homeserver.store.schema.tables import METADATA

# Attempts to prove that an address is one's own.
# Spec: client-server-api#adding-account-administrative-contact-information
validation_sessions = Table(
    "validation_sessions",
    METADATA,
    string("sid", primary_key=True),
    string("address"),
    # Of the client's secret.
    string("secret_hash"),
    # 'register', 'add' or 'reset': what is proved for one serves no other.
    string("purpose"),
    # Of the newest mail that was sent.
    number("send_attempt"),
    string("next_link", nullable=True),
    # False: the mail said that the address will not do; nothing ever proves it.
    flag("can_validate"),
    number("validated_ms", nullable=True),
    number("expires_ms"),
    sqlite_with_rowid=False,
)
Index(
    "ix_validation_sessions_address_secret_hash_purpose",
    validation_sessions.c.address,
    validation_sessions.c.secret_hash,
    validation_sessions.c.purpose,
    unique=True,
)
Index("ix_validation_sessions_expires_ms", validation_sessions.c.expires_ms)

# Mail that nobody waits for.
outgoing_mail = Table(
    "outgoing_mail",
    METADATA,
    number("nid", primary_key=True),
    string("recipient"),
    # The whole message, as it travels: a second attempt sends the same one.
    blob("message"),
    number("created_ms"),
    number("failures"),
    # When it is to be tried; while it is being tried, when another process may.
    number("due_ms"),
)
Index("ix_outgoing_mail_due_ms", outgoing_mail.c.due_ms)

# What mail tells of what is unread: a row for each pusher of mail that ever had something to tell.
digests = Table(
    "digests",
    METADATA,
    string("user_id", primary_key=True),
    string("app_id", primary_key=True),
    string("pushkey", primary_key=True),
    # NULL: nothing waits.
    number("due_ms", nullable=True),
    # The time from one mail to the next.
    number("interval_ms"),
    number("sent_ms", nullable=True),
    # The ordering up to which events were told of.
    number("told_upto"),
    sqlite_with_rowid=False,
)
Index("ix_digests_due_ms", digests.c.due_ms)

# Spec: client-server-api#terms-of-service-at-registration
accepted_policies = Table(
    "accepted_policies",
    METADATA,
    string("user_id", primary_key=True),
    string("policy", primary_key=True),
    string("version", primary_key=True),
    number("accepted_ms"),
    sqlite_with_rowid=False,
)
