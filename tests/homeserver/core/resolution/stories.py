"""
Forks told as data.

A step is ``(second, who, verb, what)``; the branches start where the common steps end, and every step is allowed where
it stands.  What comes of it is told key by key: ``topic``, ``rules`` or a user, each by the algorithm when they differ.
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import UserID
from tests.builders import ALICE, BOB, CAROL, DAVE, VERSIONS

Step = tuple[int, UserID, str, JSON]
Outcome = Mapping[str, JSON]

EVERY: Final = tuple(VERSIONS)
SINCE_2: Final = EVERY[1:]
V2: Final = EVERY[1:11]
V12: Final = EVERY[11:]


@frozen
class Story:
    """A fork of a public room that ALICE made, and what comes of it."""

    title: str
    versions: tuple[str, ...]
    common: tuple[Step, ...]
    left: tuple[Step, ...]
    right: tuple[Step, ...]
    outcome: Outcome


JOINED: Final[tuple[Step, ...]] = ((1, BOB, "join", None), (2, CAROL, "join", None))
BOB_IS_MODERATOR: Final[Step] = (3, ALICE, "users", {BOB: 50})

STORIES: Final = (
    Story(
        "a moderator bans while the administrator demotes them: the ban does not stand",
        EVERY,
        (*JOINED, BOB_IS_MODERATOR),
        left=((10, BOB, "ban", CAROL),),
        right=((11, ALICE, "users", {BOB: 0}),),
        outcome={BOB: "join", CAROL: "join", "users": {BOB: 0}},
    ),
    Story(
        "a moderator bans, and the administrator who demotes them knew it: the ban stands",
        EVERY,
        (*JOINED, BOB_IS_MODERATOR, (10, BOB, "ban", CAROL)),
        left=((11, ALICE, "users", {BOB: 0}),),
        right=((12, DAVE, "join", None),),
        outcome={CAROL: "ban", DAVE: "join", "users": {BOB: 0}},
    ),
    Story(
        "what a banned moderator did meanwhile on the other side does not stand",
        SINCE_2,
        (*JOINED, (3, DAVE, "join", None), (4, ALICE, "users", {BOB: 60, CAROL: 50})),
        left=((11, BOB, "ban", CAROL),),
        right=((10, CAROL, "topic", "last words"), (12, CAROL, "kick", DAVE)),
        outcome={CAROL: "ban", "topic": None, DAVE: "join"},
    ),
    Story(
        "somebody joins while the room closes: since v2 the door was shut first",
        SINCE_2,
        JOINED,
        left=((10, DAVE, "join", None),),
        right=((11, ALICE, "rules", "invite"),),
        outcome={DAVE: None, "rules": "invite"},
    ),
    Story(
        "somebody joins while the room closes: v1 knows no conflict where one side has nothing",
        ("1",),
        JOINED,
        left=((10, DAVE, "join", None),),
        right=((11, ALICE, "rules", "invite"),),
        outcome={DAVE: "join", "rules": "invite"},
    ),
    Story(
        "two set the join rule at once: the later of equals is the last to be applied",
        SINCE_2,
        (*JOINED, (3, ALICE, "users", {BOB: 50, CAROL: 50})),
        left=((10, BOB, "rules", "invite"),),
        right=((11, CAROL, "rules", "private"),),
        outcome={"rules": "private"},
    ),
    Story(
        "two set the join rule at once: the more powerful is first, and so overwritten",
        SINCE_2,
        (*JOINED, BOB_IS_MODERATOR),
        left=((10, BOB, "rules", "invite"),),
        right=((11, ALICE, "rules", "private"),),
        outcome={"rules": "invite"},
    ),
    Story(
        "a moderator's power levels do not undo what the administrator raised out of their reach",
        SINCE_2,
        (*JOINED, BOB_IS_MODERATOR),
        left=((12, BOB, "users", {CAROL: 10}),),
        right=((11, ALICE, "levels", {"kick": 60}),),
        outcome={"levels": {"kick": 60}, "users": {BOB: 50}},
    ),
    Story(
        "v1 resets power levels: it forgets who promoted the one that promoted",
        ("1",),
        (*JOINED, BOB_IS_MODERATOR),
        left=((10, CAROL, "leave", None),),
        right=((11, ALICE, "users", {BOB: 90}), (12, BOB, "users", {BOB: 90, DAVE: 80})),
        outcome={"users": {BOB: 50}, CAROL: "leave"},
    ),
    Story(
        "since v2 the promotion between comes along, and nothing is reset",
        SINCE_2,
        (*JOINED, BOB_IS_MODERATOR),
        left=((10, CAROL, "leave", None),),
        right=((11, ALICE, "users", {BOB: 90}), (12, BOB, "users", {BOB: 90, DAVE: 80})),
        outcome={"users": {BOB: 90, DAVE: 80}, CAROL: "leave"},
    ),
    Story(
        "who is kicked on one side says nothing on the other",
        EVERY,
        (*JOINED, (3, ALICE, "users", {CAROL: 50})),
        left=((10, CAROL, "topic", "I was here"),),
        right=((11, ALICE, "kick", CAROL),),
        # v1 has nothing to compare the topic with.
        outcome={CAROL: "leave", "topic": {"v1": "I was here", "v2": None, "v2.1": None}},
    ),
    Story(
        "two topics: v1 takes the deepest, v2 the latest",
        EVERY,
        (*JOINED, (3, ALICE, "topic", "before")),
        left=((10, BOB, "leave", None), (11, ALICE, "topic", "deep")),
        right=((12, ALICE, "topic", "late"),),
        outcome={"topic": {"v1": "deep", "v2": "late", "v2.1": "late"}},
    ),
    Story(
        "a topic that stands on newer power levels comes after one on older levels, whatever the clocks say",
        V2,
        (*JOINED, BOB_IS_MODERATOR, (4, ALICE, "topic", "before")),
        left=((99, BOB, "topic", "a clock that is ahead"),),
        right=((10, ALICE, "users", {BOB: 50, CAROL: 20}), (11, ALICE, "topic", "on new levels")),
        outcome={"topic": "on new levels", "users": {BOB: 50, CAROL: 20}},
    ),
    Story(
        "in v12 too, as long as power levels are in conflict",
        V12,
        (*JOINED, BOB_IS_MODERATOR, (4, ALICE, "topic", "before")),
        left=((99, BOB, "topic", "a clock that is ahead"),),
        right=((10, ALICE, "users", {BOB: 50, CAROL: 20}), (11, ALICE, "topic", "on new levels")),
        outcome={"topic": "on new levels", "users": {BOB: 50, CAROL: 20}},
    ),
    Story(
        "the creator of a v12 room stands above every administrator, who else would have come first",
        V12,
        (*JOINED, (3, ALICE, "users", {BOB: 100, CAROL: 50})),
        left=((10, BOB, "users", {BOB: 100, CAROL: 0}), (11, BOB, "ban", CAROL)),
        right=((12, ALICE, "users", {BOB: 0, CAROL: 50}),),
        outcome={"users": {BOB: 0, CAROL: 50}, BOB: "join", CAROL: "join"},
    ),
    Story(
        "administrators of one level: who joined without power comes later, for what they did stands on their joining",
        V2,
        (*JOINED, (3, ALICE, "users", {BOB: 100, CAROL: 50})),
        left=((10, BOB, "users", {ALICE: 100, BOB: 100, CAROL: 0}), (11, BOB, "ban", CAROL)),
        right=((12, ALICE, "users", {BOB: 100, CAROL: 60}),),
        outcome={"users": {BOB: 100, CAROL: 0}, CAROL: "ban"},
    ),
    Story(
        "an administrator steps down while they promote somebody on the other side",
        V2,
        (*JOINED, (3, ALICE, "users", {BOB: 100})),
        left=((10, BOB, "users", {BOB: 0}),),
        right=((11, BOB, "users", {BOB: 100, CAROL: 50}),),
        outcome={"users": {BOB: 0}},
    ),
    Story(
        "an invitation and a ban of the same user: the ban takes the invitation away",
        SINCE_2,
        (*JOINED, (3, ALICE, "rules", "invite"), (4, ALICE, "users", {BOB: 50})),
        left=((10, BOB, "invite", DAVE), (11, DAVE, "join", None)),
        right=((12, ALICE, "ban", DAVE),),
        outcome={DAVE: "ban", "rules": "invite"},
    ),
    Story(
        "both sides let different people in: all of them are there",
        EVERY,
        ((1, BOB, "join", None),),
        left=((10, CAROL, "join", None), (11, BOB, "leave", None)),
        right=((12, DAVE, "join", None),),
        outcome={CAROL: "join", DAVE: "join", BOB: "leave"},
    ),
)
