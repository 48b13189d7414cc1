"""Push: what is new, for those who do not wait for it."""

from homeserver.http.push_gateways import HTTPPushGateways
from homeserver.services.mail.digest_contents import DigestContents
from homeserver.services.mail.digest_schedule import DigestSchedule
from homeserver.services.mail.digesting import Digesting
from homeserver.services.notifications import Notifications
from homeserver.services.pushing.badges import Badges
from homeserver.services.pushing.dues import Dues
from homeserver.services.pushing.index import PusherIndex
from homeserver.services.pushing.lane import Surroundings as PushSurroundings
from homeserver.services.pushing.notices import Notices
from homeserver.services.pushing.service import Pushing
from homeserver.services.room_names import RoomNames
from homeserver.services.rule_owners import RuleOwners
from scripts.parts.foundation import dice, opaque_id
from scripts.parts.ground import Ground
from scripts.proposals.proposal import Proposal


class Push:
    """Push: what is new, for those who do not wait for it."""

    def __init__(self, ground: Ground, proposals: Proposal) -> None:
        base, servers, rooms, members = ground.base, ground.servers, ground.rooms, ground.members
        reading, users, news = ground.reading, ground.users, ground.news
        settings, reactor, database, tail = base.settings, base.reactor, base.database, base.tail
        known_events = rooms.known_events
        memberships = members.memberships

        rule_owners = RuleOwners(known_events, users.push_rules, reading.ignored, users.invite_permissions)
        for subscribed in proposals.subscribed_threads:
            news.unread.subscribed = rule_owners.subscribed = subscribed
        self.notifications = Notifications(
            database, reactor, tail, known_events, memberships, rule_owners, news.pushed, reading.client_events
        )
        badges = Badges(reactor, tail, memberships, news.unread)
        pusher_index = PusherIndex(database, memberships)
        rooms.forgetting.rooms.append(pusher_index)
        dues = Dues(database, tail, known_events, memberships, news.pushed, rule_owners, pusher_index, reactor)
        names = RoomNames(database, known_events, news.summaries)
        notices = Notices(
            database, tail, known_events, memberships, news.threads, badges, names, settings.push.include_content
        )
        push_surroundings = PushSurroundings(
            reactor, HTTPPushGateways(servers.outbound), dues, notices, badges, settings.push, dice
        )
        self.digesting = digesting = _digesting(ground, self.notifications)
        digests = None if digesting is None else digesting.schedule
        self.pushing = Pushing(database, reactor, dues, push_surroundings, opaque_id(), digests)
        for push_follower in (badges, self.pushing):
            tail.follow(push_follower.follow)


def _digesting(ground: Ground, notifications: Notifications) -> Digesting | None:
    """What tells users by mail of what is unread; None: nobody is told so."""
    base, mailing, secret = ground.base, ground.sign_in.mailing, ground.sign_in.interactive_secret
    if mailing is None or not mailing.settings.digests:
        return None
    name, settings, reactor, database = base.name, mailing.settings, base.reactor, base.database
    schedule = DigestSchedule(database, reactor, settings.rhythm)
    names = RoomNames(database, ground.rooms.known_events, ground.news.summaries)
    contents = DigestContents(name, base.tail, notifications, names, settings)
    return Digesting(database, reactor, schedule, contents, mailing.post, mailing.texts, secret, base.settings.baseurl)
