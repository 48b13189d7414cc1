"""Tests of scripts.endurance.kills: a server that loses or repeats something is found out."""

from typing import Any, cast

import pytest

from scripts.endurance.kills import Broken, _check_messages, _check_topic
from scripts.endurance.ledger import Ledger, Message
from scripts.laboratory.client import JSONObject, MatrixClient

ROOM = "!room"
USER = "@writer:here"
PROMISED = {"$1": Message(ROOM, "t1", "one"), "$2": Message(ROOM, "t2", "two")}


class Somebody:
    user_id = USER


def shown(event_id: str, text: str) -> JSONObject:
    return {"event_id": event_id, "type": "m.room.message", "sender": USER, "content": {"body": text}}


def check(*events: JSONObject) -> None:
    _check_messages(cast(MatrixClient, cast(Any, Somebody())), ROOM, events, PROMISED)


def test_a_server_that_keeps_its_promises_passes() -> None:
    check(shown("$2", "two"), shown("$1", "one"))


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([shown("$1", "one")], id="one lost"),
        pytest.param([shown("$1", "one"), shown("$2", "tw")], id="one torn"),
        pytest.param([shown("$1", "one"), shown("$2", "two"), shown("$2", "two")], id="an event twice"),
        pytest.param([shown("$1", "one"), shown("$2", "two"), shown("$3", "two")], id="a message twice"),
    ],
)
def test_a_broken_promise_is_found(events: list[JSONObject]) -> None:
    with pytest.raises(Broken):
        check(*events)


def test_state_may_be_newer_than_acknowledged_but_not_older() -> None:
    _check_topic(["topic 1", "topic 4"], {"content": {"topic": "topic 5"}})
    with pytest.raises(Broken):
        _check_topic(["topic 1", "topic 4"], {"content": {"topic": "topic 1"}})
    with pytest.raises(Broken):
        _check_topic(["topic 4"], None)


def test_promises_are_reckoned_with_once() -> None:
    """What was looked at in one round is not looked for in the next, whose pages do not reach back to it."""
    ledger = Ledger(dict(PROMISED), letters=["a"])

    assert (ledger.new_messages(), ledger.new_letters()) == (PROMISED, ["a"])
    assert (ledger.new_messages(), ledger.new_letters()) == ({}, [])
    assert ledger.promises == 3
