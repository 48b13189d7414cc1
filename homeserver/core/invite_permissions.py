"""
By whom a user wants to be invited: the account data ``m.invite_permission_config``.

Spec: client-server-api#invite-permission
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSON
from homeserver.core.globs import GlobSet, compile_globs
from homeserver.core.identifiers import UserID, server_of

INVITE_PERMISSIONS: Final = "m.invite_permission_config"
UNSTABLE_INVITE_PERMISSIONS: Final = "org.matrix.msc4155.invite_permission_config"
_PORT: Final = re.compile(r":[0-9]{1,5}\Z")


class InviteAnswer(Enum):
    """What becomes of an invite."""

    ALLOW = "allow"
    IGNORE = "ignore"
    """It is taken, and the user does not see it."""
    BLOCK = "block"
    """It is refused."""


@frozen
class _Step:
    """Whom a list names, and what that means; *of_servers*: it names servers."""

    of_servers: bool
    globs: GlobSet
    answer: InviteAnswer


@frozen
class InvitePermission:
    """A user's wishes, compiled: the first step that names the inviting user decides."""

    steps: tuple[_Step, ...] = ()
    default: InviteAnswer = InviteAnswer.ALLOW

    def answer(self, sender: UserID) -> InviteAnswer:
        """What becomes of an invite by *sender*."""
        for step in self.steps:
            if step.globs.matches(_host_of(sender) if step.of_servers else sender):
                return step.answer
        return self.default


EVERYBODY: Final = InvitePermission()
"""Nothing was said: everybody may."""

# The proposal that this chapter comes from has lists beside it, which servers and clients in the field use.
# Their order is that of proposals/4155.
_LISTS: Final = (
    ("allowed_users", False, InviteAnswer.ALLOW),
    ("ignored_users", False, InviteAnswer.IGNORE),
    ("blocked_users", False, InviteAnswer.BLOCK),
    ("allowed_servers", True, InviteAnswer.ALLOW),
    ("ignored_servers", True, InviteAnswer.IGNORE),
    ("blocked_servers", True, InviteAnswer.BLOCK),
)


def invite_permission_of(content: Mapping[str, JSON]) -> InvitePermission:
    """The wishes that a content says; one of which a list is no list of strings says nothing."""
    if content.get("enabled") is False:
        return EVERYBODY
    steps = []
    for name, of_servers, answer in _LISTS:
        patterns = content.get(name, [])
        if not isinstance(patterns, list):
            return EVERYBODY
        texts = [pattern for pattern in patterns if isinstance(pattern, str)]
        if len(texts) < len(patterns):
            return EVERYBODY
        if texts:
            lowered = [text.lower() for text in texts] if of_servers else texts
            steps.append(_Step(of_servers, compile_globs(lowered), answer))
    default = InviteAnswer.BLOCK if content.get("default_action") == "block" else InviteAnswer.ALLOW
    return InvitePermission(tuple(steps), default) if steps or default is not InviteAnswer.ALLOW else EVERYBODY


def _host_of(user_id: UserID) -> str:
    return _PORT.sub("", server_of(user_id)).lower()
