"""
Writes the next revision of a package's tables, from the difference between its tables in the code and its revisions.

For developers: change the tables in ``store/schema``, run ``python -m scripts.revise homeserver "What changed"``, read
what it wrote, and name the new revision as the head of the package's Schema.
"""

import sys
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from sqlalchemy import Column
from sqlalchemy.engine import Connection

from e2ee.store.schema import SCHEMA as E2EE
from federation.store.schema import SCHEMA as FEDERATION
from homeserver.store.kinds import kind_of
from homeserver.store.migrate import migrate
from homeserver.store.schema import columns
from homeserver.store.schema.columns import Schema
from homeserver.store.schema.indexes import name_options
from homeserver.store.schema.whole import SCHEMA as HOMESERVER
from homeserver.store.settings import DatabaseSettings

SCHEMAS = {schema.name: schema for schema in (HOMESERVER, FEDERATION, E2EE)}
_KINDS = {
    columns.STRING: "string",
    columns.NUMBER: "number",
    columns.SMALL: "small",
    columns.FLAG: "flag",
    columns.BYTES: "blob",
}
_TEMPLATE = '''"""{message}."""

import sqlalchemy as sa
from alembic import op

from homeserver.store.schema.columns import blob, flag, number, small, string

revision = "{revision}"
down_revision = {previous}
branch_labels = {labels}
depends_on = None


def upgrade() -> None:
    """{message}."""
    {upgrade}


def downgrade() -> None:
    """What it was before."""
    {downgrade}
'''


def revise(schema: Schema, message: str, *, first: bool = False) -> Path:
    """The path of a new revision of *schema*; *first*: the one that begins it, replacing what there is."""
    previous = None if first else schema.head
    number = 1 if previous is None else int(previous.rpartition("_")[2]) + 1
    revision = f"{schema.name}_{number:04}"
    with tempfile.TemporaryDirectory() as folder:
        settings = DatabaseSettings(f"sqlite:///{folder}/revise.db")
        if not first:
            migrate(settings, list(SCHEMAS.values()))
        connection = kind_of(settings).connect(writing=True)
        upgrade, downgrade = _difference(connection, schema)
        connection.close()
    path = Path(str(files(schema.migrations))) / f"{revision}.py"
    path.write_text(
        _TEMPLATE.format(
            message=message.rstrip("."),
            revision=revision,
            previous=repr(previous) if previous is None else f'"{previous}"',
            labels=f'("{schema.name}",)' if previous is None else "None",
            upgrade=upgrade,
            downgrade=downgrade,
        )
    )
    return path


def _difference(connection: Connection, schema: Schema) -> tuple[str, str]:
    name_options(schema.metadata)
    own = set(schema.metadata.tables)
    context = MigrationContext.configure(
        connection,
        opts={
            "target_metadata": schema.metadata,
            "render_item": _rendered,
            "include_name": lambda name, kind, _: kind != "table" or name in own,
            "render_as_batch": True,
        },
    )
    script = produce_migrations(context, schema.metadata)
    assert script.upgrade_ops is not None, "a script has both directions"
    assert script.downgrade_ops is not None, "a script has both directions"
    options: dict[str, Any] = {"render_item": _rendered, "render_as_batch": True}
    return render_python_code(script.upgrade_ops, **options), render_python_code(script.downgrade_ops, **options)


def _rendered(kind: str, item: Any, _: object) -> str | bool:
    """A column in the words of ``homeserver.store.schema.columns``; all else as Alembic writes it."""
    if kind != "column" or not isinstance(item, Column) or item.type not in _KINDS:
        return False
    more = []
    if item.primary_key:
        more.append("primary_key=True")
        if item.autoincrement is False:
            more.append("autoincrement=False")
    elif item.nullable:
        more.append("nullable=True")
    if item.server_default is not None:
        more.append(f"server_default={str(item.server_default.arg)!r}")  # type: ignore[attr-defined]
    return f"{_KINDS[item.type]}({', '.join([repr(item.name), *more])})"


def main(arguments: Sequence[str]) -> int:
    """The command line: package, message, and ``--first`` to begin anew."""
    words = [word for word in arguments if word != "--first"]
    if len(words) != 2 or words[0] not in SCHEMAS:
        print(f"usage: python -m scripts.revise [--first] {{{','.join(SCHEMAS)}}} MESSAGE", file=sys.stderr)
        return 2
    print(revise(SCHEMAS[words[0]], words[1], first="--first" in arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
