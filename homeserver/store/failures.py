"""What can go wrong with a database that is nobody's mistake here."""


class DatabaseFailure(Exception):
    """The database did not do what it was asked."""


class Duplicate(DatabaseFailure):
    """
    A row with this key is there already.

    Never caught within a transaction: on PostgreSQL a refused statement spoils it whole.  Where a row may be there
    already, the statement says so (``upsert``, ``insert_new``).
    """


class Unavailable(DatabaseFailure):
    """The database cannot be reached or cannot write; nothing was written."""


class OutcomeUnknown(DatabaseFailure):
    """The connection broke during the commit and nobody could be asked since: it was written, or it was not."""


class Overloaded(DatabaseFailure):
    """More writes wait than may wait."""


class Closed(DatabaseFailure):
    """The database has been closed."""
