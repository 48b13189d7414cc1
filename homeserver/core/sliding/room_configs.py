"""
What a client wants of a room: how many events, and which of its state.

Spec: proposals/4186
"""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import StateKey
from homeserver.core.identifiers import UserID

MEMBER: Final = "m.room.member"

Element: TypeAlias = tuple[str | None, str | None]
"""A type and a state key; None: any."""


@frozen
class StateRequest:
    """State that *include* matches and *exclude* does not; *lazy*: of the members only those named by their ID."""

    include: frozenset[Element] = frozenset()
    exclude: frozenset[Element] = frozenset()
    lazy: bool = False

    def matches(self, kind: str, key: str) -> bool:
        """Whether the entry is wanted."""
        if _is_in(self.exclude, kind, key):
            return False
        if self.lazy and kind == MEMBER:
            return (MEMBER, key) in self.include or (None, key) in self.include
        return _is_in(self.include, kind, key)

    @property
    def has_all_members(self) -> bool:
        """Whether every membership is wanted."""
        return not self.lazy and any(kind in (None, MEMBER) and key is None for kind, key in self.include)

    @property
    def is_exact(self) -> bool:
        """Whether every entry that is wanted is named."""
        return all(kind is not None and key is not None for kind, key in self.include)

    def to_json(self) -> JSONObject:
        """For storing; ``stored_request`` reads it back."""
        return {"include": _listed(self.include), "exclude": _listed(self.exclude), "lazy": self.lazy}


@frozen
class RequiredState:
    """What any of several requests wants."""

    requests: frozenset[StateRequest] = frozenset()

    def matches(self, key: StateKey) -> bool:
        """Whether the entry is wanted."""
        return any(request.matches(*key) for request in self.requests)

    @property
    def lazy(self) -> bool:
        """Members are told of as the timeline names them: some request says so, and none wants all of them anyway."""
        return any(request.lazy for request in self.requests) and not self.has_all_members

    @property
    def has_all_members(self) -> bool:
        return any(request.has_all_members for request in self.requests)

    @property
    def is_exact(self) -> bool:
        return all(request.is_exact for request in self.requests)

    @property
    def keys(self) -> set[StateKey]:
        """All entries that are named."""
        named = (element for request in self.requests for element in request.include)
        return {(kind, key) for kind, key in named if kind is not None and key is not None}

    @property
    def weight(self) -> int:
        """How many elements it is made of, and one."""
        return 1 + sum(len(request.include) + len(request.exclude) for request in self.requests)

    @property
    def named_members(self) -> set[UserID]:
        """Members that are named, whether by type or by state key alone."""
        named = (element for request in self.requests for element in request.include)
        return {UserID(key) for kind, key in named if kind in (None, MEMBER) and key is not None}

    def to_json(self) -> list[JSON]:
        """For storing; ``stored_required_state`` reads it back."""
        return sorted((request.to_json() for request in self.requests), key=repr)


NOTHING: Final = RequiredState()


@frozen
class RoomConfig:
    """What a list or a subscription wants of its rooms."""

    timeline_limit: int = 0
    required: RequiredState = NOTHING
    heroes: bool = True


def combined(configs: Iterable[RoomConfig]) -> RoomConfig:
    """What a room is sent by that is in several lists: whatever any of them wants."""
    several = list(configs)
    if len(several) == 1:
        return several[0]
    return RoomConfig(
        max(config.timeline_limit for config in several),
        RequiredState(frozenset(request for config in several for request in config.required.requests)),
        any(config.heroes for config in several),
    )


def own_elements(elements: Iterable[tuple[str, str]], user_id: UserID) -> StateRequest:
    """
    A request as clients spelled it before: pairs with ``*`` for any, ``$ME`` for the user, ``$LAZY`` for the members
    that the timeline names.
    """
    include: set[Element] = set()
    lazy = False
    for kind, key in elements:
        if kind == MEMBER and key == "$LAZY":
            lazy = True
        else:
            own = user_id if key == "$ME" else key
            include.add((None if kind == "*" else kind, None if own == "*" else own))
    return StateRequest(frozenset(include), frozenset(), lazy)


def stored_required_state(value: JSON) -> RequiredState:
    """What ``RequiredState.to_json`` wrote."""
    assert isinstance(value, list)
    return RequiredState(frozenset(_stored_request(each) for each in value if isinstance(each, dict)))


def _stored_request(body: Mapping[str, JSON]) -> StateRequest:
    return StateRequest(_elements(body["include"]), _elements(body["exclude"]), body["lazy"] is True)


def _elements(value: JSON) -> frozenset[Element]:
    assert isinstance(value, list)
    # As written here: pairs.
    return frozenset((each[0], each[1]) for each in value if isinstance(each, list))  # type: ignore[misc]


def _listed(elements: Iterable[Element]) -> list[JSON]:
    return [[kind, key] for kind, key in sorted(elements, key=lambda each: (each[0] or "", each[1] or ""))]


def _is_in(elements: frozenset[Element], kind: str, key: str) -> bool:
    return bool(elements) and (
        (kind, key) in elements or (kind, None) in elements or (None, key) in elements or (None, None) in elements
    )
