"""Rooms: who is in them."""

from homeserver.services.aliases import Aliases
from homeserver.services.creating import Creating
from homeserver.services.departing import Departing
from homeserver.services.guest_access import GuestAccess
from homeserver.services.inheriting import Inheriting
from homeserver.services.inviting import Inviting
from homeserver.services.joining import Joining
from homeserver.services.member_content import MemberContent
from homeserver.services.memberships import Memberships
from homeserver.services.own_members import OwnMembers
from homeserver.services.sending import Sending
from homeserver.services.space_moves import SpaceMoves
from homeserver.services.upgrading import Upgrading
from scripts.parts.appservices import Appservices
from scripts.parts.foundation import Foundation
from scripts.parts.replicas import Replicas
from scripts.parts.rooms import Rooms


class Members:
    """Rooms: who is in them."""

    def __init__(self, base: Foundation, appservices: Appservices, rooms: Rooms, replicas: Replicas) -> None:
        name, database, tail = base.name, base.database, base.tail
        known_events, live_rooms, timeline = rooms.known_events, rooms.live_rooms, rooms.timeline
        remote_rooms = replicas.remote_rooms

        self.memberships = memberships = Memberships(database, tail)
        tail.follow(memberships.follow)
        member_content = MemberContent(name, database)
        self.aliases = aliases = Aliases(
            name, database, known_events, live_rooms, remote_rooms, appservices.roster, appservices.queries
        )
        self.inviting = inviting = Inviting(
            name,
            database,
            known_events,
            live_rooms,
            rooms.composer,
            timeline,
            rooms.acceptance,
            member_content,
            remote_rooms,
            appservices.queries,
        )
        self.joining = Joining(name, known_events, live_rooms, timeline, memberships, member_content, remote_rooms)
        self.departing = departing = Departing(
            name, database, known_events, live_rooms, timeline, memberships, member_content, remote_rooms
        )
        self.guest_access = guest_access = GuestAccess(name, database, known_events, live_rooms, departing)
        timeline.member_guards.guards.append(guest_access)
        tail.follow(guest_access.follow)
        self.creating = Creating(timeline, inviting, aliases, member_content)
        self.sending = Sending(name, known_events, live_rooms, timeline, inviting, aliases)
        self.own_members = OwnMembers(timeline, memberships, member_content, departing)
        space_moves = SpaceMoves(name, database, known_events, live_rooms, timeline, memberships)
        self.upgrading = Upgrading(
            name, database, base.reactor, known_events, live_rooms, timeline, aliases, member_content, space_moves
        )
        base.jobs.add_kind(self.upgrading)
        for way_in in (timeline, rooms.acceptance, replicas.arrival):
            way_in.companions.append(Inheriting(name))
