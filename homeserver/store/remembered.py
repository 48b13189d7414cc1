"""
Statements that a PostgreSQL connection lets the server remember, parsed and planned.

To plan a statement takes the server longer than to run it: measured, the state of a room 240 µs and remembered 100, one
entry of it 215 and 77, the counts of its members 245 and 60.

What a connection has run a few times is remembered along with the next run, in the same round trip.  Plans age: one for
an empty table would read the whole of a table that has grown.  So they are dropped again and again, which costs little.
"""

import time
from typing import Any, Final

from attrs import define, field

from homeserver.store.connections import SeveralStatements
from homeserver.store.statement_forms import Form, ServerForm

RUNS_BEFORE: Final = 3
"""So often a statement is run as it is: most are for some rare occasion."""
STATEMENTS_MAX: Final = 400
"""Of one connection; a plan takes the server some ten kilobytes."""
PLANS_USED_MAX: Final = 2_000
"""So many runs, and no longer than so many seconds, until all is planned afresh."""
PLANS_SECONDS_MAX: Final = 20.0

_DROP: Final = "DISCARD PLANS; "
_NEVER: Final = -1_000_000_000


@define(eq=False)
class Remembered:
    """What one connection has the server remember."""

    _runs: dict[ServerForm, int] = field(init=False, factory=dict)
    """How often what is not remembered was run."""
    _known: set[ServerForm] = field(init=False, factory=set)
    _used: int = field(init=False, default=0)
    _planned_at: float = field(init=False, factory=time.monotonic)

    def execute(self, cursor: Any, form: Form, server: ServerForm, params: dict[str, Any]) -> None:
        """*cursor*, of this connection, has run the statement."""
        if server in self._known:
            cursor.execute(self._aged() + server.call, server.values(params))
            return
        runs = self._runs.get(server, 0)
        if runs < RUNS_BEFORE or len(self._known) >= STATEMENTS_MAX:
            self._runs[server] = runs + 1
            cursor.execute(form.sql, form.values(params))
            return
        values = [*server.constants, *server.values(params)]
        try:
            cursor.execute(server.prepare + server.call, values)
        except SeveralStatements:
            raise
        except BaseException:
            # Whether the server knows it now nobody can tell: it is left at that.
            self._runs[server] = _NEVER
            raise
        self._runs.pop(server, None)
        self._known.add(server)

    def _aged(self) -> str:
        """What goes before the next call, so that no plan is too old."""
        self._used += 1
        now = time.monotonic()
        if self._used < PLANS_USED_MAX and now - self._planned_at < PLANS_SECONDS_MAX:
            return ""
        self._used, self._planned_at = 0, now
        return _DROP
