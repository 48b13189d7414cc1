"""
Administration, and how rooms end.

Each class of endpoints is also named in ``scripts/administration/endpoints.py``, for the command line.
"""

from importlib.metadata import version
from platform import python_version

from federation.http.admin.destinations import DestinationEndpoints
from federation.services.administered_destinations import AdministeredDestinations
from federation.services.room_belongings import FederationBelongings
from homeserver.http.admin.actions import ActionEndpoints
from homeserver.http.admin.jobs import JobEndpoints
from homeserver.http.admin.possessions import PossessionEndpoints
from homeserver.http.admin.registration_tokens import RegistrationTokenEndpoints
from homeserver.http.admin.reports import AdminReportEndpoints
from homeserver.http.admin.rooms import RoomEndpoints
from homeserver.http.admin.server import ServerEndpoints
from homeserver.http.admin.users import UserEndpoints
from homeserver.http.admin.validity import ValidityEndpoints
from homeserver.services.administration.accounts import Accounts
from homeserver.services.administration.actions import Actions
from homeserver.services.administration.notices import NoticeRounds
from homeserver.services.administration.possessions import Possessions
from homeserver.services.administration.registration_tokens import RegistrationTokens
from homeserver.services.administration.reports import Reports
from homeserver.services.administration.rooms import AdministeredRooms
from homeserver.services.administration.standing import Standing
from homeserver.services.administration.statistics import About, Statistics
from homeserver.services.clock import now_ms
from homeserver.services.room_removal.deletion import RoomDeletion
from homeserver.services.room_removal.evicting import Evicting
from homeserver.services.room_removal.history import HistoryPurge
from scripts.parts.federation import Federation
from scripts.parts.ground import Ground


class Administration:
    """Administration, and how rooms end."""

    def __init__(self, ground: Ground, federation: Federation) -> None:
        base, servers, appservices, rooms = ground.base, ground.servers, ground.appservices, ground.rooms
        members, sign_in, users = ground.members, ground.sign_in, ground.users
        reactor, name, database = base.reactor, base.name, base.database
        jobs = base.jobs
        known_events = rooms.known_events

        evicting = Evicting(
            database, base.room_version, members.creating, members.joining, members.departing, rooms.timeline
        )
        room_deletion = RoomDeletion(
            database, reactor, jobs, evicting, [FederationBelongings(database, federation.outbox)]
        )
        jobs.add_kind(room_deletion)
        history_purge = HistoryPurge(database, known_events, jobs)
        jobs.add_kind(history_purge)
        self.actions = Actions(database, reactor)
        self.standing = Standing(name, database, sign_in.sessions)
        accounts = Accounts(
            name,
            database,
            reactor,
            sign_in.hashes,
            sign_in.passwords,
            users.profiles,
            sign_in.deactivation,
            appservices.roster,
            (users.server_notices.user_id,),
        )
        base.closing.push_async_callback(accounts.stop)
        notice_rounds = NoticeRounds(database, users.server_notices, jobs)
        jobs.add_kind(notice_rounds)
        about = About(name, version("folkmoot"), python_version(), base.database_kind, now_ms(reactor))
        self.endpoints = (
            UserEndpoints(accounts, self.standing),
            PossessionEndpoints(Possessions(database, reactor, sign_in.sessions, users.devices, members.memberships)),
            ValidityEndpoints(sign_in.validity),
            RegistrationTokenEndpoints(RegistrationTokens(database, reactor)),
            AdminReportEndpoints(Reports(database, known_events)),
            ServerEndpoints(Statistics(database, reactor, about), notice_rounds),
            RoomEndpoints(
                AdministeredRooms(
                    name, database, known_events, rooms.live_rooms, rooms.timeline, members.inviting, members.joining
                ),
                room_deletion,
                history_purge,
                rooms.closed_rooms,
            ),
            JobEndpoints(jobs),
            DestinationEndpoints(AdministeredDestinations(database, servers.destinations)),
            ActionEndpoints(self.actions),
        )
