"""Settings of the database."""

from attrs import field, frozen, validators


@frozen
class DatabaseSettings:
    """Where everything durable is kept, and how many may work on it at once."""

    url: str
    """
    ``sqlite:////absolute/path.db`` (one server, nothing to install) or ``postgresql://user:password@host/name``
    (several servers may share it).
    """
    pool_size: int = field(default=4, validator=validators.ge(1))
    """
    Threads, each with a connection of its own, for reads that may take long; on PostgreSQL there are as many
    connections more, for all other reads.
    """
    write_queue_max: int = field(default=20_000, validator=validators.ge(1))
    """Writes that may wait for the disk; what comes when so many wait is refused."""
    write_batch_max: int = field(default=1_000, validator=validators.ge(1))
    """Writes that are committed together at most."""
    patience_seconds: float = field(default=15.0, validator=validators.gt(0))
    """How long writes wait for a database that restarts, or that another process has locked, before they fail."""
    cache_mib: int = field(default=2, validator=validators.ge(1))
    """
    Memory for pages of the SQLite file, for each connection, beside what the system caches of it and is read without a
    copy; PostgreSQL has settings of its own.
    """
