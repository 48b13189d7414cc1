"""Sync: what is new, for those who wait for it."""

from e2ee.services.bells import DeviceListBells
from e2ee.services.sync_sections import DeviceListNews, KeyCountNews, ToDeviceNews
from homeserver.services.old_sync.snapshots import Snapshots
from homeserver.services.old_sync.stream import EventStream
from homeserver.services.sync.account_data import AccountDataNews
from homeserver.services.sync.ephemeral import EphemeralNews
from homeserver.services.sync.invited import InvitedRooms
from homeserver.services.sync.joined import JoinedRooms
from homeserver.services.sync.left import LeftRooms
from homeserver.services.sync.presence import PresenceNews
from homeserver.services.sync.section import SyncSection
from homeserver.services.sync.service import Sync
from homeserver.services.sync.unread import UnreadNews
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


class Syncing:
    """Sync: what is new, for those who wait for it."""

    def __init__(self, ground: Ground, proposals: Proposal) -> None:
        base, rooms, members, reading = ground.base, ground.rooms, ground.members, ground.reading
        users, encryption, news = ground.users, ground.encryption, ground.news
        settings, reactor, database, tail = base.settings, base.reactor, base.database, base.tail
        recent, wakeups, serial = news.recent, news.wakeups, news.serial
        presence = news.presence
        memberships = members.memberships
        ignored = reading.ignored
        known_events = rooms.known_events

        sections: tuple[SyncSection, ...] = (
            JoinedRooms(
                database, reactor, recent, news.timelines, news.states, news.summaries, news.sent_members, settings.sync
            ),
            InvitedRooms(database, known_events, users.invite_permissions),
            LeftRooms(database, recent, news.timelines, news.states, settings.sync),
            AccountDataNews(database, users.push_rules),
            EphemeralNews(database, news.typing, serial),
            PresenceNews(presence, serial),
            *proposals.sections,
            UnreadNews(reactor, news.unread),
            ToDeviceNews(encryption.to_device),
            DeviceListNews(encryption.device_lists),
            KeyCountNews(encryption.key_counts),
        )
        for follower in (recent, news.unread, wakeups, DeviceListBells(database, wakeups)):
            tail.follow(follower.follow)
        for follow in proposals.followers:
            tail.follow(follow)
        self.sync = Sync(
            reactor,
            tail,
            serial,
            memberships,
            wakeups,
            ignored,
            presence,
            sections,
            settings.sync,
            [*proposals.unsigned],
        )
        self.stream = EventStream(
            reactor,
            database,
            tail,
            serial,
            known_events,
            memberships,
            reading.views,
            reading.shown,
            ignored,
            wakeups,
            settings.sync,
        )
        self.snapshots = Snapshots(
            reactor,
            database,
            tail,
            serial,
            known_events,
            memberships,
            reading.messages,
            reading.room_reading,
            members.aliases,
            ignored,
            presence,
            users.push_rules,
        )
