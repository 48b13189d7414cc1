"""
Who came to share a room with whom, and who no longer does, from how two users moved through rooms.

Spec: client-server-api#e2e-extensions-to-sync
"""

from collections.abc import Sequence
from enum import Enum

from attrs import frozen

from homeserver.core.log import Position


@frozen
class Move:
    """From *position* on a user is, or is not, in a room."""

    position: Position
    room_nid: int
    joined: bool


@frozen
class Stay:
    """
    A user's rooms over a span: those at its beginning, at its end, and those in which the user was all the time.
    """

    before: frozenset[int]
    after: frozenset[int]
    throughout: frozenset[int]


class Sharing(Enum):
    """What became of two users over a span."""

    SAME = "same"
    BEGUN = "begun"
    """They share a room, and none that they shared all the time: one may have missed changes of the other."""
    ENDED = "ended"


def stay_of(moves: Sequence[Move], after: Position, upto: Position) -> Stay:
    """Where a user was over the span ``(after, upto]``; *moves*: all of the user's, each room's oldest first."""
    before: set[int] = set()
    now: set[int] = set()
    absent: set[int] = set()
    for move in moves:
        if move.position > upto:
            continue
        if move.position <= after:
            _apply(before, move)
        elif not move.joined:
            absent.add(move.room_nid)
        _apply(now, move)
    return Stay(frozenset(before), frozenset(now), frozenset((before & now) - absent))


def settled(rooms: frozenset[int]) -> Stay:
    """The stay of a user who did not move."""
    return Stay(rooms, rooms, rooms)


def sharing_of(one: Stay, other: Stay) -> Sharing:
    """What became of the two."""
    if one.after & other.after:
        return Sharing.SAME if one.throughout & other.throughout else Sharing.BEGUN
    return Sharing.ENDED if one.before & other.before else Sharing.SAME


def _apply(rooms: set[int], move: Move) -> None:
    if move.joined:
        rooms.add(move.room_nid)
    else:
        rooms.discard(move.room_nid)
