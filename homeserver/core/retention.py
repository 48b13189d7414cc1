"""
How long a room's messages are kept: what the room says, within what the server allows.

Spec: proposals/1763
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from homeserver.core.canonical import INTEGER_MAX, JSON, JSONObject

RETENTION: Final = "m.room.retention"


@frozen
class Policy:
    """At least *min_ms*, at most *max_ms*; None: no bound."""

    max_ms: int | None = None
    min_ms: int | None = None

    def to_json(self) -> JSONObject:
        """As the content of an ``m.room.retention``."""
        bounds = {"max_lifetime": self.max_ms, "min_lifetime": self.min_ms}
        return {name: bound for name, bound in bounds.items() if bound is not None}


@frozen
class Limit:
    """What a lifetime must at least, and may at most, be; None: anything."""

    least_ms: int | None = None
    most_ms: int | None = None

    def apply(self, lifetime_ms: int | None) -> int | None:
        """The lifetime within the limit; none at all counts as the least."""
        if lifetime_ms is None:
            return self.least_ms
        if self.least_ms is not None and lifetime_ms < self.least_ms:
            return self.least_ms
        return lifetime_ms if self.most_ms is None else min(lifetime_ms, self.most_ms)

    def to_json(self) -> JSONObject:
        """As clients are told of it; empty: there is none."""
        bounds = {"min": self.least_ms, "max": self.most_ms}
        return {name: bound for name, bound in bounds.items() if bound is not None}


@frozen
class Rules:
    """What the server says: for rooms that say nothing, and for what rooms may say."""

    default: Policy = Policy()
    max_lifetime: Limit = Limit()
    min_lifetime: Limit = Limit()

    def effective(self, content: Mapping[str, JSON] | None) -> Policy:
        """The policy of a room with this ``m.room.retention``; None: it has none."""
        said = None if content is None else _policy_of(content)
        if said is None:
            return self.default
        return Policy(self.max_lifetime.apply(said.max_ms), self.min_lifetime.apply(said.min_ms))


def _policy_of(content: Mapping[str, JSON]) -> Policy | None:
    """What the content says; None: nothing that makes sense."""
    said = [content.get(name) for name in ("max_lifetime", "min_lifetime")]
    lifetimes = [value for value in said if value is None or _is_lifetime(value)]
    if len(lifetimes) < len(said):
        return None
    most, least = (None if value is None else int(str(value)) for value in lifetimes)
    return None if most is not None and least is not None and most < least else Policy(most, least)


def _is_lifetime(value: JSON) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= INTEGER_MAX
