"""Whether a redaction is carried out."""

import pytest

from homeserver.core.authorization.redaction import may_redact
from homeserver.core.canonical import JSON
from homeserver.core.identifiers import UserID
from homeserver.core.verdicts import ALLOWED, Denied
from tests.builders import ALICE, BOB, DAVE, VERSIONS, a_room
from tests.versions import since

ERIN = UserID("@erin:two.example")


@pytest.mark.parametrize("version", VERSIONS)
def test_by_level(version: str) -> None:
    """The redact level lets a member redact anybody's events; 50 unless the levels say otherwise."""
    for level, expected in ((50, ALLOWED), (49, Denied("redaction.power_level"))):
        room = a_room(version, join_rule="public", power_levels={"users": {BOB: level}}).with_member(BOB)
        target = room.with_messages(1).last
        redaction = room.with_messages(1).event("m.room.redaction", {}, sender=BOB, redacts=target.event_id)
        assert may_redact(redaction, target, room.state) == expected


@pytest.mark.parametrize("version", since(3))
def test_even_below_the_level_of_the_event(version: str) -> None:
    """Since v3: it need not be enough to send what is redacted."""
    users: dict[str, JSON] = {BOB: 50} if int(version) >= 12 else {BOB: 50, ALICE: 100}
    levels: dict[str, JSON] = {"users": users, "events": {"m.room.message": 80}}
    room = a_room(version, join_rule="public", power_levels=levels).with_member(BOB).with_messages(1)
    redaction = room.event("m.room.redaction", {}, sender=BOB, redacts=room.last.event_id)

    assert may_redact(redaction, room.last, room.state) == ALLOWED


@pytest.mark.parametrize("version", VERSIONS)
def test_by_server(version: str) -> None:
    """Everybody may redact what users of their own server said, themselves included."""
    room = a_room(version, join_rule="public").with_members(BOB, ERIN)
    room = room.adding(room.message(sender=ERIN))
    for sender, expected in ((ERIN, ALLOWED), (BOB, ALLOWED)):
        redaction = room.event("m.room.redaction", {}, sender=sender, redacts=room.last.event_id)
        assert may_redact(redaction, room.last, room.state) == expected
    outsider = room.with_member(DAVE)
    redaction = outsider.event("m.room.redaction", {}, sender=DAVE, redacts=room.last.event_id)
    assert may_redact(redaction, room.last, outsider.state) == Denied("redaction.power_level")


@pytest.mark.parametrize("version", VERSIONS)
def test_of_this_event_in_this_room(version: str) -> None:
    """A redaction of another event, or of another room, strips nothing; nor does what is no redaction."""
    room, other = a_room(version).with_messages(1), a_room(version, creator=BOB).with_messages(1)
    redaction = room.event("m.room.redaction", {}, redacts=room.last.event_id)
    elsewhere = other.event("m.room.redaction", {}, redacts=room.last.event_id)

    assert may_redact(redaction, room.create, room.state) == Denied("redaction.another_event")
    assert may_redact(room.message(), room.last, room.state) == Denied("redaction.another_event")
    assert may_redact(elsewhere, room.last, other.state) == Denied("redaction.another_room")
    assert may_redact(redaction, room.last, {}) == Denied("create.missing")


@pytest.mark.parametrize("version", since(12))
def test_creators_redact_all(version: str) -> None:
    """Since v12 no redact level is too high for a creator."""
    room = a_room(version, join_rule="public", power_levels={"redact": 2**53 - 1}).with_member(BOB)
    room = room.adding(room.message(sender=BOB))
    redaction = room.event("m.room.redaction", {}, redacts=room.last.event_id)

    assert may_redact(redaction, room.last, room.state) == ALLOWED
