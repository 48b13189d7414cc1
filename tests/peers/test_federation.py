"""Two homeservers share rooms: every scenario is played with each of them at home."""

import pytest

from scripts.laboratory.client import JSONObject, MatrixClient, MatrixError
from scripts.laboratory.processes import wait_until
from tests.peers.conftest import Stage

pytestmark = pytest.mark.peers


def joined_room(stage: Stage, **content: object) -> tuple[MatrixClient, MatrixClient, str]:
    """A resident's public room that a guest has joined."""
    alice, bob = stage.resident(), stage.guest()
    room_id = alice.create_room(preset="public_chat", **content)
    bob.join(room_id, stage.home.server_name)
    alice.wait_for_membership(room_id, bob.user_id, "join")
    return alice, bob, room_id


def wait_for_same_state(one: MatrixClient, other: MatrixClient, room_id: str) -> None:
    wait_until(lambda: one.state_ids(room_id) == other.state_ids(room_id), "the same state on both")


def power_levels(client: MatrixClient, room_id: str, **users: int) -> None:
    """*users*, by localpart prefix of a member, have these power levels; the others keep theirs."""
    state = client.state(room_id)
    content = dict(state["m.room.power_levels", ""]["content"])
    members = [key[1] for key in state if key[0] == "m.room.member"]
    levels = {member: level for member in members for name, level in users.items() if member.startswith(f"@{name}-")}
    content["users"] = {**content.get("users", {}), **levels}
    client.set_state(room_id, "m.room.power_levels", content)


@pytest.mark.parametrize("version", ["1", "2", "3", "6", "9", "10", "11", "12"])
def test_join_and_talk(stage: Stage, version: str) -> None:
    """A guest joins and messages pass both ways, in a room of every kind of event format."""
    alice, bob, room_id = joined_room(stage, room_version=version)

    from_alice = alice.send(room_id, "welcome")
    assert bob.wait_for_event(room_id, from_alice)["content"]["body"] == "welcome"
    from_bob = bob.send(room_id, "well met")
    assert alice.wait_for_event(room_id, from_bob)["content"]["body"] == "well met"
    wait_for_same_state(alice, bob, room_id)


def test_join_by_alias(stage: Stage) -> None:
    """An alias of one server leads the other's user into the room."""
    alice, bob = stage.resident(), stage.guest()
    room_id = alice.create_room(preset="public_chat", room_alias_name=f"moot-{stage.name}")

    assert bob.join(f"#moot-{stage.name}:{stage.home.server_name}") == room_id


def test_invite(stage: Stage) -> None:
    """An invited guest sees the invite, joins the private room, and is seen in it."""
    alice, bob = stage.resident(), stage.guest()
    room_id = alice.create_room(preset="private_chat", name="Council")
    alice.invite(room_id, bob.user_id)
    bob.wait_for_invite(room_id)
    bob.join(room_id)

    alice.wait_for_membership(room_id, bob.user_id, "join")
    assert bob.state(room_id)["m.room.name", ""]["content"]["name"] == "Council"


def test_declined_invite(stage: Stage) -> None:
    """A guest who declines is seen as gone."""
    alice, bob = stage.resident(), stage.guest()
    room_id = alice.create_room(preset="private_chat")
    alice.invite(room_id, bob.user_id)
    bob.wait_for_invite(room_id)
    bob.leave(room_id)

    alice.wait_for_membership(room_id, bob.user_id, "leave")


def test_knock(stage: Stage) -> None:
    """A guest knocks, is let in, and joins."""
    alice, bob = stage.resident(), stage.guest()
    knock_rule = {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}
    room_id = alice.create_room(preset="private_chat", initial_state=[knock_rule])
    bob.request("POST", f"/v3/knock/{room_id}?via={stage.home.server_name}&server_name={stage.home.server_name}", {})
    alice.wait_for_membership(room_id, bob.user_id, "knock")
    alice.invite(room_id, bob.user_id)
    bob.wait_for_invite(room_id)
    bob.join(room_id)

    alice.wait_for_membership(room_id, bob.user_id, "join")


def test_leave_and_come_back(stage: Stage) -> None:
    """A guest leaves, misses what is said, and takes part again after joining once more."""
    alice, bob, room_id = joined_room(stage)
    bob.leave(room_id)
    alice.wait_for_membership(room_id, bob.user_id, "leave")
    alice.send(room_id, "they are gone")
    bob.join(room_id, stage.home.server_name)
    alice.wait_for_membership(room_id, bob.user_id, "join")

    bob.wait_for_event(room_id, alice.send(room_id, "they are back"))


def test_kick(stage: Stage) -> None:
    """A kicked guest is out on both servers, and cannot speak."""
    alice, bob, room_id = joined_room(stage)
    alice.kick(room_id, bob.user_id)

    bob.wait_for_sync(lambda answer: room_id in answer.get("rooms", {}).get("leave", {}), "is kicked")
    with pytest.raises(MatrixError, match="M_FORBIDDEN"):
        bob.send(room_id, "still here")


def test_ban(stage: Stage) -> None:
    """A banned guest cannot come back until the ban is lifted."""
    alice, bob, room_id = joined_room(stage)
    alice.ban(room_id, bob.user_id)
    bob.wait_for_sync(lambda answer: room_id in answer.get("rooms", {}).get("leave", {}), "is banned")
    with pytest.raises(MatrixError, match="M_FORBIDDEN"):
        bob.join(room_id, stage.home.server_name)
    alice.unban(room_id, bob.user_id)
    bob.join(room_id, stage.home.server_name)

    alice.wait_for_membership(room_id, bob.user_id, "join")


def test_power_level_change(stage: Stage) -> None:
    """A guest may set the topic from the moment the power levels say so, on both servers."""
    alice, bob, room_id = joined_room(stage)
    with pytest.raises(MatrixError, match="M_FORBIDDEN"):
        bob.set_state(room_id, "m.room.topic", {"topic": "too early"})
    power_levels(alice, room_id, bob=50)
    wait_for_same_state(alice, bob, room_id)
    bob.set_state(room_id, "m.room.topic", {"topic": "mine to set"})

    wait_for_same_state(alice, bob, room_id)
    assert alice.state(room_id)["m.room.topic", ""]["content"]["topic"] == "mine to set"


def test_redaction(stage: Stage) -> None:
    """What its sender takes back is empty on the other server too."""
    alice, bob, room_id = joined_room(stage)
    event_id = alice.send(room_id, "a slip of the tongue")
    bob.wait_for_event(room_id, event_id)
    alice.room("PUT", room_id, f"/redact/{event_id}/1", {})

    wait_until(lambda: bob.room("GET", room_id, f"/event/{event_id}")["content"] == {}, "the redaction arrives")


def test_history_before_the_join(stage: Stage) -> None:
    """A guest pages back through all that was said before, to the room's first event."""
    alice, bob = stage.resident(), stage.guest()
    room_id = alice.create_room(preset="public_chat")
    said = [alice.send(room_id, f"line {number}") for number in range(60)]
    bob.join(room_id, stage.home.server_name)
    timeline = [event["event_id"] for event in bob.timeline(room_id) if event["type"] == "m.room.message"]

    assert timeline == list(reversed(said))
    assert bob.timeline(room_id)[-1]["type"] == "m.room.create"


def test_history_through_the_guest(stage: Stage) -> None:
    """What was said on both servers while one was not in the room comes back in one order of pages."""
    alice, bob, room_id = joined_room(stage)
    first = [bob.send(room_id, f"bob {number}") for number in range(5)]
    alice.wait_for_event(room_id, first[-1])
    bob.leave(room_id)
    alice.wait_for_membership(room_id, bob.user_id, "leave")
    missed = [alice.send(room_id, f"alice {number}") for number in range(30)]
    bob.join(room_id, stage.home.server_name)

    seen = {event["event_id"] for event in bob.timeline(room_id)}
    assert set(first) <= seen
    assert set(missed) <= seen


def test_concurrent_state_changes_while_cut(stage: Stage) -> None:
    """Both sides change the state while the link is cut; afterwards both hold the same, and it is a lawful one."""
    alice, bob, room_id = joined_room(stage, name="Before", topic="Before")
    carol = stage.resident("carol")
    carol.join(room_id)
    power_levels(alice, room_id, bob=50, carol=50)
    wait_for_same_state(alice, bob, room_id)

    stage.pair.cut()
    alice.set_state(room_id, "m.room.name", {"name": "Alice's name"})
    bob.set_state(room_id, "m.room.name", {"name": "Bob's name"})
    carol.set_state(room_id, "m.room.topic", {"topic": "Carol's topic"})
    power_levels(alice, room_id, bob=0)
    bob.set_state(room_id, "m.room.topic", {"topic": "Bob's topic"})
    here = [alice.send(room_id, "anyone there?"), carol.send(room_id, "no")]
    there = [bob.send(room_id, "hello?")]
    stage.pair.heal()
    # Something new makes each server speak to the other again.
    here.append(alice.send(room_id, "again"))
    there.append(bob.send(room_id, "again"))

    wait_for_same_state(alice, bob, room_id)
    for event_id in there:
        alice.wait_for_event(room_id, event_id)
    for event_id in here:
        bob.wait_for_event(room_id, event_id)
    wait_for_same_state(alice, bob, room_id)
    state = alice.state(room_id)
    assert state["m.room.power_levels", ""]["content"]["users"][bob.user_id] == 0
    # Bob lost his power in a change that his own changes did not know of: resolution lets the power change come first.
    assert state["m.room.topic", ""]["content"]["topic"] == "Carol's topic"
    assert state["m.room.name", ""]["content"]["name"] == "Alice's name"


def test_ban_while_cut(stage: Stage) -> None:
    """A ban during a cut wins over what the banned say meanwhile, on both sides."""
    alice, bob, room_id = joined_room(stage)
    dora = stage.guest("dora")
    dora.join(room_id, stage.home.server_name)
    wait_for_same_state(alice, bob, room_id)

    stage.pair.cut()
    alice.ban(room_id, dora.user_id)
    dora.send(room_id, "said after the ban")
    stage.pair.heal()
    alice.send(room_id, "again")
    bob.send(room_id, "again")

    bob.wait_for_membership(room_id, dora.user_id, "ban")
    wait_for_same_state(alice, bob, room_id)


def test_catching_up_after_an_outage(stage: Stage) -> None:
    """More messages than one transaction holds are sent during an outage; all arrive after it, none twice."""
    alice, bob, room_id = joined_room(stage)
    stage.pair.cut()
    sent = [alice.send(room_id, f"during the outage {number}") for number in range(70)]
    stage.pair.heal()
    sent.append(alice.send(room_id, "after the outage"))
    bob.wait_for_event(room_id, sent[-1])

    wait_until(
        lambda: [e["event_id"] for e in reversed(bob.timeline(room_id)) if e["event_id"] in sent] == sent,
        "all are there, in order",
    )


def test_server_access_control(stage: Stage) -> None:
    """A server that the room's access control denies cannot send into it any more."""
    alice, bob, room_id = joined_room(stage)
    # A server that has joined with a part of the state cannot fetch the rest once it is denied.
    wait_for_same_state(alice, bob, room_id)
    denied = {"allow": ["*"], "deny": [stage.away.place.host], "allow_ip_literals": True}
    alice.set_state(room_id, "m.room.server_acl", denied)
    bob_sees = ("m.room.server_acl", "")
    wait_until(lambda: bob_sees in bob.state(room_id), "the access control arrives")
    outlawed = bob.send(room_id, "from outside")
    # Another room between the two shows that the transaction was taken and this event alone left out.
    other = alice.create_room(preset="public_chat")
    bob.join(other, stage.home.server_name)
    alice.wait_for_event(other, bob.send(other, "from inside"))

    assert outlawed not in {event["event_id"] for event in alice.timeline(room_id)}


def test_typing_and_receipts(stage: Stage) -> None:
    """Who is typing and what was read is told to the other server."""
    alice, bob, room_id = joined_room(stage)
    event_id = alice.send(room_id, "read me")
    bob.wait_for_event(room_id, event_id)
    bob.room("PUT", room_id, f"/typing/{bob.user_id}", {"typing": True, "timeout": 30000})
    alice.wait_for_sync(lambda answer: bob.user_id in _typing(answer, room_id), "sees typing")
    bob.room("POST", room_id, f"/receipt/m.read/{event_id}", {})

    alice.wait_for_sync(lambda answer: bob.user_id in _readers(answer, room_id, event_id), "sees the receipt")


def test_profile(stage: Stage) -> None:
    """A user's name is known on the other server, in the room and by query."""
    alice, bob, room_id = joined_room(stage)
    alice.request("PUT", f"/v3/profile/{alice.user_id}/displayname", {"displayname": "Alice of the Hill"})

    assert bob.request("GET", f"/v3/profile/{alice.user_id}")["displayname"] == "Alice of the Hill"
    member = ("m.room.member", alice.user_id)
    wait_until(
        lambda: bob.state(room_id)[member]["content"].get("displayname") == "Alice of the Hill", "the name arrives"
    )


def _ephemeral(answer: JSONObject, room_id: str, kind: str) -> list[JSONObject]:
    room = answer.get("rooms", {}).get("join", {}).get(room_id, {})
    return [event["content"] for event in room.get("ephemeral", {}).get("events", []) if event["type"] == kind]


def _typing(answer: JSONObject, room_id: str) -> set[str]:
    return {user_id for content in _ephemeral(answer, room_id, "m.typing") for user_id in content["user_ids"]}


def _readers(answer: JSONObject, room_id: str, event_id: str) -> set[str]:
    receipts = _ephemeral(answer, room_id, "m.receipt")
    return {user_id for content in receipts for user_id in content.get(event_id, {}).get("m.read", {})}
