"""The parts that send mail, put together; a server without a mail server has none of them."""

from collections.abc import Callable
from typing import Any

from attrs import frozen

from conf.reading import SettingsError
from conf.settings import Settings
from homeserver.services.known_events import KnownEvents
from homeserver.services.log_tail import LogTail
from homeserver.services.mail.digest_contents import DigestContents
from homeserver.services.mail.digest_schedule import DigestSchedule
from homeserver.services.mail.digesting import Digesting
from homeserver.services.mail.notices import AccountNotices
from homeserver.services.mail.outgoing import Outgoing
from homeserver.services.mail.pace import MailPace
from homeserver.services.mail.post import Post
from homeserver.services.mail.reminders import RenewalReminders
from homeserver.services.mail.room_names import RoomNames
from homeserver.services.mail.settings import EmailSettings
from homeserver.services.mail.texts import BadText, Texts
from homeserver.services.mail.validation import Validation
from homeserver.services.notifications import Notifications
from homeserver.services.summaries import Summaries
from homeserver.store.database import Database


@frozen(eq=False)
class Mailing:
    """All that stands on the mail server, but for digests of rooms, which are built later."""

    settings: EmailSettings
    texts: Texts
    outgoing: Outgoing
    post: Post
    validation: Validation
    notices: AccountNotices
    reminders: RenewalReminders


@frozen(eq=False)
class RoomParts:
    """What digests tell of, by the parts that know it."""

    tail: LogTail
    known_events: KnownEvents
    summaries: Summaries
    notifications: Notifications


def digesting_of(
    settings: Settings, mailing: Mailing | None, database: Database, reactor: Any, secret: bytes, parts: RoomParts
) -> Digesting | None:
    """What tells users by mail of what is unread; None: nobody is told so."""
    if mailing is None or not mailing.settings.digests:
        return None
    schedule = DigestSchedule(database, reactor, mailing.settings.rhythm)
    names = RoomNames(database, parts.known_events, parts.summaries)
    contents = DigestContents(settings.server_name, parts.tail, parts.notifications, names, mailing.settings)
    return Digesting(database, reactor, schedule, contents, mailing.post, mailing.texts, secret, settings.baseurl)


def mailing_of(
    settings: Settings,
    database: Database,
    reactor: Any,
    secret: bytes,
    opaque_id: Callable[[], str],
    dice: Callable[[], float],
) -> Mailing | None:
    """The parts; None: the settings name no mail server.  Raises SettingsError."""
    email = settings.email
    if email is None:
        return None
    try:
        texts = Texts(email.app_name, settings.server_name, email.templates)
    except BadText as error:
        raise SettingsError([f"email.templates: {error}."]) from error
    # Imported here: a server that sends no mail does without SMTP, and is 1.1 MiB smaller.
    from homeserver.http.mail.smtp import SMTPMailer

    mailer = SMTPMailer(reactor, email)
    outgoing = Outgoing(database, reactor, mailer, email, dice)
    post = Post(database, reactor, mailer, outgoing, email.sender, opaque_id)
    pace = MailPace(reactor, email if settings.rate_limits.enabled else None)
    validation = Validation(database, reactor, post, texts, pace, email, secret, settings.baseurl, opaque_id)
    notices = AccountNotices(database, reactor, post, texts, email)
    reminders = RenewalReminders(post, texts, secret, settings.baseurl)
    return Mailing(email, texts, outgoing, post, validation, notices, reminders)
