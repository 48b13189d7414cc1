"""
The names that an application service cares for, as regular expressions.

Spec: application-service-api#registration
"""

import re
from collections.abc import Iterable
from typing import Final

from attrs import field, frozen

from homeserver.core.identifiers import ID_BYTES_MAX
from homeserver.core.malformed import Malformed

REGEX_LENGTH_MAX: Final = 1_000
NAMESPACES_MAX: Final = 1_000
"""Of one kind, in one registration."""

_REPEATS_WITHOUT_END: Final = re.compile(r"[*+]|\{[0-9]*,\}")
_POSIX_CLASSES: Final = {
    "[:alpha:]": "a-zA-Z",
    "[:digit:]": "0-9",
    "[:alnum:]": "a-zA-Z0-9",
    "[:lower:]": "a-z",
    "[:upper:]": "A-Z",
    "[:xdigit:]": "0-9A-Fa-f",
    "[:space:]": r"\s",
    "[:word:]": r"\w",
}


@frozen
class Namespace:
    """Names that begin as *regex* says; *exclusive*: nobody else may make such names."""

    regex: str
    exclusive: bool
    _pattern: re.Pattern[str] = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_pattern", _compiled(self.regex))

    def holds(self, name: str) -> bool:
        """Whether *name* is one of them."""
        # No identifier is longer, and how long an expression takes depends on that.
        return len(name) <= ID_BYTES_MAX and self._pattern.match(name) is not None


@frozen
class Namespaces:
    """What an application service is interested in."""

    users: tuple[Namespace, ...] = ()
    aliases: tuple[Namespace, ...] = ()
    rooms: tuple[Namespace, ...] = ()


def holds(namespaces: Iterable[Namespace], name: str) -> bool:
    """Whether any of the namespaces holds the name."""
    return any(namespace.holds(name) for namespace in namespaces)


def holds_exclusively(namespaces: Iterable[Namespace], name: str) -> bool:
    """Whether any of the namespaces that are exclusive holds the name."""
    return any(namespace.exclusive and namespace.holds(name) for namespace in namespaces)


def _compiled(regex: str) -> re.Pattern[str]:
    """Raises Malformed."""
    if len(regex) > REGEX_LENGTH_MAX:
        raise Malformed(f"it may have at most {REGEX_LENGTH_MAX} characters")
    for name, members in _POSIX_CLASSES.items():
        regex = regex.replace(name, members)
    if _repeats_a_repetition(regex):
        raise Malformed("a repetition is repeated, as in (a+)+: some names would take forever to match")
    try:
        return re.compile(regex)
    except (re.error, OverflowError, RecursionError) as error:
        raise Malformed(f"it is no regular expression: {error}") from error


def _repeats_a_repetition(regex: str) -> bool:
    """Whether a group that holds a repetition without end is itself repeated without end."""
    groups: list[bool] = [False]
    closed = False
    index = 0
    while index < len(regex):
        character = regex[index]
        step, now_closed = 1, False
        if character == "\\":
            step = 2
        elif character == "[":
            step = _class_length(regex, index)
        elif character == "(":
            groups.append(False)
        elif character == ")" and len(groups) > 1:
            now_closed = groups.pop()
            groups[-1] |= now_closed
        elif (match := _REPEATS_WITHOUT_END.match(regex, index)) is not None:
            if closed:
                return True
            groups[-1] = True
            step = len(match[0])
        closed = now_closed
        index += step
    return False


def _class_length(regex: str, start: int) -> int:
    """How long the class of characters is that begins at *start*: its first character may be a bracket that closes."""
    index = start + 1
    if regex.startswith("^", index):
        index += 1
    if regex.startswith("]", index):
        index += 1
    while index < len(regex) and regex[index] != "]":
        index += 2 if regex[index] == "\\" else 1
    return index - start + 1
