"""
Users' push rules as they were before they changed them, for events from then that somebody looks at later.

Spec: client-server-api#push-rules
"""

from collections import OrderedDict
from collections.abc import Sequence

from attrs import define, field, frozen

from homeserver.core.canonical import parse_json
from homeserver.core.identifiers import UserID
from homeserver.core.push_rules.changes import parse_push_rules
from homeserver.core.push_rules.evaluation import CompiledRules, compile_rules
from homeserver.core.timeline import Ordering, ordering_at
from homeserver.store import earlier_push_rules
from homeserver.store.database import Database
from homeserver.store.earlier_push_rules import EarlierRules


@define(eq=False)
class _Set:
    """Rules that were in force for what came before *until*; compiled when somebody asks."""

    until: Ordering
    changes: str
    _compiled: CompiledRules | None = None

    @property
    def compiled(self) -> CompiledRules:
        if self._compiled is None:
            self._compiled = compile_rules(parse_push_rules(parse_json(self.changes.encode())))
        return self._compiled


@frozen(eq=False)
class _History:
    """All earlier rules of a user, the oldest first, up to those that are in force *since* there."""

    since: Ordering
    sets: Sequence[_Set]


@define(eq=False)
class EarlierPushRules:
    """Those of the *users_max* users last asked for, in memory."""

    database: Database
    users_max: int = 1_000
    _known: OrderedDict[UserID, _History] = field(init=False, factory=OrderedDict)

    async def at(self, user_id: UserID, ordering: Ordering, since: Ordering) -> CompiledRules | None:
        """
        The rules that were in force when what is at *ordering* came; *since*: where those of now began.

        None when the user's rules were not kept.  Of what came before the oldest that were kept, these judge.
        """
        known = self._known.get(user_id)
        # Rules that have changed again make what was read before too short.
        if known is None or known.since != since:
            known = _history(since, await self.database.read(earlier_push_rules.of_user, user_id))
            self._known[user_id] = known
        self._known.move_to_end(user_id)
        while len(self._known) > self.users_max:
            self._known.popitem(last=False)
        return next((each.compiled for each in known.sets if ordering < each.until), None)


def _history(since: Ordering, stored: Sequence[EarlierRules]) -> _History:
    return _History(since, [_Set(ordering_at(each.until), each.changes) for each in stored])
