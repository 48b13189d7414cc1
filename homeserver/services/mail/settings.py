"""Settings of mail."""

from pathlib import Path
from typing import Any

from attrs import Attribute, field, frozen, validators

from homeserver.core.mail.digests import Rhythm
from homeserver.core.mail.letters import Sender, parse_sender
from homeserver.core.malformed import Malformed

_POSITIVE = validators.gt(0.0)


def _is_sender(_: Any, attribute: "Attribute[str]", text: str) -> None:
    try:
        parse_sender(text)
    except Malformed as error:
        raise ValueError(f"{attribute.name.rstrip('_')} must be an address, or a name and an <address>") from error


def _is_url(_: Any, attribute: "Attribute[str | None]", url: str | None) -> None:
    if url is not None and not url.startswith(("https://", "http://")):
        raise ValueError(f"{attribute.name} must start with https:// or http://")


@frozen
class EmailSettings:
    """The mail server that sends the server's own mail, and what that mail is for."""

    smtp_host: str
    """Its host name or address."""
    from_: str = field(validator=_is_sender)
    """Whom mail comes from: an address, or a name with the address in angle brackets."""
    smtp_port: int = field(default=587, validator=[validators.ge(1), validators.le(65535)])
    """Its port."""
    tls: bool = True
    """Whether mail travels encrypted: from the start on port 465, elsewhere by STARTTLS before anything is said."""
    tls_from_start: bool | None = None
    """Whether TLS begins with the connection instead of by STARTTLS. Unset: on port 465 only."""
    verify_tls: bool = True
    """Whether the mail server must prove its name by a certificate."""
    ca_file: Path | None = None
    """A file (PEM) with authorities that are trusted beside the system's."""
    username: str | None = None
    """Unset: the mail server asks for no login."""
    password: str | None = field(default=None, repr=False)
    """The password of username."""
    app_name: str = "Folkmoot"
    """What mail calls the service that it is about."""
    client_url: str | None = field(default=None, validator=_is_url)
    """Where users chat in a browser; links to rooms lead there. Unset: they lead to matrix.to."""
    templates: Path | None = None
    """A folder with texts of mail that replace those of the same name in homeserver/services/mail/templates."""
    allowed_domains: tuple[str, ...] = ()
    """What may stand behind the @ of users' addresses, such as the domain of your organization. None: anything."""
    reveal_accounts: bool = False
    """Whether who asks is told at once that an address has an account, or has none. Otherwise the mail tells."""
    link_minutes: float = field(default=60.0, validator=_POSITIVE)
    """How long the link in a mail proves an address, and then how long that proof may be used."""
    next_link_hosts: tuple[str, ...] = ()
    """The hosts of clients in a browser to which users return from such a link. Links to others are not followed."""
    address_burst: int = field(default=5, validator=validators.ge(1))
    """How many such mails one address gets at once."""
    address_per_hour: float = field(default=6.0, validator=_POSITIVE)
    """How many such mails one address gets in the long run."""
    client_burst: int = field(default=30, validator=validators.ge(1))
    """How many such mails one client (by its IP address) has sent at once."""
    client_per_hour: float = field(default=60.0, validator=_POSITIVE)
    """How many such mails one client has sent in the long run."""
    tell_logins: bool = False
    """Whether users get mail when somebody logs in to their account on a new device."""
    tell_password_changes: bool = True
    """Whether users get mail when their password is changed."""
    digests: bool = True
    """Whether users may have what is unread sent by mail."""
    digests_include_content: bool = True
    """Whether these mails tell what was said. Otherwise they tell who wrote where."""
    digest_wait_minutes: float = field(default=10.0, validator=_POSITIVE)
    """How long a message is unread before mail tells of it."""
    digest_interval_max_hours: float = field(default=24.0, validator=_POSITIVE)
    """Who reads nothing is written to less and less often, down to once in so many hours."""
    queue_max: int = field(default=10_000, validator=validators.ge(1))
    """How many mails that nobody waits for are kept while the mail server is away."""
    give_up_hours: float = field(default=48.0, validator=_POSITIVE)
    """For how long each of these is tried."""

    @property
    def sender(self) -> Sender:
        """Whom mail comes from."""
        return parse_sender(self.from_)

    @property
    def starts_with_tls(self) -> bool:
        """Whether TLS begins with the connection."""
        return self.tls and (self.smtp_port == 465 if self.tls_from_start is None else self.tls_from_start)

    @property
    def link_ms(self) -> int:
        """How long a link is good, in milliseconds."""
        return int(self.link_minutes * 60_000)

    @property
    def rhythm(self) -> Rhythm:
        """When digests are due."""
        return Rhythm(int(self.digest_wait_minutes * 60_000), int(self.digest_interval_max_hours * 3_600_000))
