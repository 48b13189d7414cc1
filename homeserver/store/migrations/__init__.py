"""How the tables came to be what they are: Alembic's environment, and in ``versions`` one module a revision."""
