"""Tests of federation/core/recipients.py."""

from unittest import TestCase

from federation.core.recipients import recipients_of
from homeserver.core.identifiers import ServerName
from tests.builders import ALICE, BOB, a_room

ONE, TWO, THREE = ServerName("one.example"), ServerName("two.example"), ServerName("three.example")


class RecipientTests(TestCase):
    """Which servers are sent an event."""

    def test_a_message_goes_to_the_servers_of_the_room(self) -> None:
        """But not to the one that sends it."""
        event = a_room("10").event("m.room.message", {"body": "hello"})

        self.assertEqual({TWO, THREE}, recipients_of(event, {ONE, TWO, THREE}, ONE))

    def test_who_is_put_out_learns_of_it(self) -> None:
        """The server of an invited or knocking user is in no room, and learns that the invite is gone."""
        room = a_room("10", join_rule="invite")
        kick = room.event("m.room.member", {"membership": "leave"}, state_key=BOB, sender=ALICE)

        self.assertEqual({TWO}, recipients_of(kick, {ONE}, ONE))

    def test_an_invite_does_not_go_to_the_invited_server(self) -> None:
        """It is handed over by a request of its own."""
        invite = a_room("10").event("m.room.member", {"membership": "invite"}, state_key=BOB, sender=ALICE)

        self.assertEqual({THREE}, recipients_of(invite, {ONE, THREE}, ONE))

    def test_a_relayed_event_does_not_go_back(self) -> None:
        """A join made through this server goes to all others but its sender's."""
        join = a_room("10", join_rule="public").event(
            "m.room.member", {"membership": "join"}, state_key=BOB, sender=BOB
        )

        self.assertEqual({THREE}, recipients_of(join, {ONE, TWO, THREE}, ONE))
