"""Accounts: what belongs to one."""

from federation.services.remote_profiles import RemoteProfiles
from homeserver.services.account_data import AccountData
from homeserver.services.devices import Devices
from homeserver.services.filters import Filters
from homeserver.services.invite_permissions import InvitePermissions
from homeserver.services.openid import OpenID
from homeserver.services.profiles import Profiles
from homeserver.services.push_rules import PushRuleBook
from homeserver.services.server_notices import ServerNotices
from homeserver.services.tags import Tags
from homeserver.services.user_directory import UserDirectory
from homeserver.services.user_directory_keeping import UserDirectoryKeeping
from scripts.parts.appservices import Appservices
from scripts.parts.foundation import Foundation, opaque_id
from scripts.parts.members import Members
from scripts.parts.rooms import Rooms
from scripts.parts.servers import Servers
from scripts.parts.sign_in import SignIn


class Users:
    """Accounts: what belongs to one."""

    def __init__(
        self,
        base: Foundation,
        servers: Servers,
        appservices: Appservices,
        rooms: Rooms,
        members: Members,
        sign_in: SignIn,
    ) -> None:
        settings, reactor, name = base.settings, base.reactor, base.name
        database, tail = base.database, base.tail

        self.devices = Devices(database, reactor, sign_in.sessions, sign_in.interactive_auth, sign_in.last_seen)
        self.profiles = Profiles(
            name, database, members.own_members, RemoteProfiles(servers.peers), appservices.queries
        )
        self.push_rules = push_rules = PushRuleBook(database)
        # Before anybody is told that there is something to count by them.
        tail.follow(push_rules.follow)
        self.user_directory = UserDirectory(name, database, members.memberships, settings.user_directory)
        self.directory_keeping = UserDirectoryKeeping(name, database, reactor, opaque_id())
        tail.follow(self.directory_keeping.follow)
        self.openid = OpenID(name, database, reactor)
        self.account_data = AccountData(database, push_rules, settings.account_data)
        self.filters = Filters(database)
        self.tags = Tags(database, self.account_data)
        self.server_notices = server_notices = ServerNotices(
            name,
            settings.server_notices,
            base.room_version,
            database,
            rooms.timeline,
            rooms.live_rooms,
            members.memberships,
            self.tags,
        )
        self.invite_permissions = invite_permissions = InvitePermissions(name, database, (server_notices.user_id,))
        tail.follow(invite_permissions.follow)
        rooms.timeline.member_guards.guards += (server_notices, invite_permissions)
        sign_in.registration.reserved = (server_notices.user_id,)
