"""The state that an event is held against, as the rules speak of it."""

from collections.abc import Mapping
from typing import Self

from attrs import frozen

from homeserver.core.auth_events import JOIN_RULES
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import UserID
from homeserver.core.power_levels import Level, PowerLevels, power_levels_of
from homeserver.core.versions import AuthRules


@frozen(eq=False)
class Situation:
    """A room's state beside the rules of its version.  *create* is its m.room.create."""

    state: Mapping[StateKey, Event]
    create: Event
    rules: AuthRules
    levels: PowerLevels

    @classmethod
    def of(cls, state: Mapping[StateKey, Event], create: Event) -> Self:
        """The situation of a *state* that holds *create*."""
        return cls(state, create, create.version.auth, power_levels_of(state, create.version))

    def membership(self, user_id: str) -> str:
        """``leave`` for whoever never was there."""
        member = self.state.get(("m.room.member", user_id))
        return (member.membership or "leave") if member is not None else "leave"

    @property
    def join_rule(self) -> str:
        """``invite`` while the room has no rule; empty when what it has is no string."""
        event = self.state.get(JOIN_RULES)
        rule = event.content.get("join_rule", "invite") if event is not None else "invite"
        return rule if isinstance(rule, str) else ""

    def is_joined(self, user_id: str) -> bool:
        return self.membership(user_id) == "join"

    def level(self, user_id: str) -> Level:
        return self.levels.of(UserID(user_id))
