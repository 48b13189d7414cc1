"""The parts that send mail, put together; a server without a mail server has none of them."""

from attrs import frozen

from conf.reading import SettingsError
from homeserver.services.mail.notices import AccountNotices
from homeserver.services.mail.outgoing import Outgoing
from homeserver.services.mail.pace import MailPace
from homeserver.services.mail.post import Post
from homeserver.services.mail.reminders import RenewalReminders
from homeserver.services.mail.settings import EmailSettings
from homeserver.services.mail.texts import BadText, Texts
from homeserver.services.mail.validation import Validation
from scripts.parts.foundation import Foundation, dice, opaque_id


@frozen(eq=False)
class Mailing:
    """All that stands on the mail server, but for digests of rooms, which are built with push."""

    settings: EmailSettings
    texts: Texts
    outgoing: Outgoing
    post: Post
    validation: Validation
    notices: AccountNotices
    reminders: RenewalReminders


def mailing_of(base: Foundation, secret: bytes) -> Mailing | None:
    """The parts; None: the settings name no mail server.  Raises SettingsError."""
    settings, reactor, database = base.settings, base.reactor, base.database
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
