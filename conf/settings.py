"""All settings as one value.  The types live beside the code that uses them; here they get their names in the file."""

from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

from attrs import Attribute, field, frozen

from federation.services.settings import FederationSettings
from homeserver.core.identifiers import ServerName
from homeserver.http.client.rtc_transports import RTCSettings
from homeserver.http.client.turn import TurnSettings
from homeserver.http.client.wellknown import SupportSettings
from homeserver.http.outbound import OutboundSettings
from homeserver.http.settings import HTTPSettings, ListenerSettings
from homeserver.services.account_data import AccountDataSettings
from homeserver.services.account_validity import AccountSettings
from homeserver.services.administration.actions import AdministrationSettings
from homeserver.services.appservices.settings import AppserviceTrafficSettings
from homeserver.services.delayed_events.settings import DelayedEventSettings
from homeserver.services.housekeeping import HousekeepingSettings
from homeserver.services.jobs.settings import JobSettings
from homeserver.services.login_failures import LoginFailureSettings
from homeserver.services.mail.settings import EmailSettings
from homeserver.services.password_hashes import PasswordSettings
from homeserver.services.policy.settings import PolicySettings
from homeserver.services.presence import PresenceSettings
from homeserver.services.pushing.settings import PushSettings
from homeserver.services.rate_limits import RateLimitSettings
from homeserver.services.redacted_contents import ModerationSettings
from homeserver.services.registration import RegistrationSettings
from homeserver.services.rendezvous import RendezvousSettings
from homeserver.services.room_removal.retention import RetentionSettings
from homeserver.services.search.settings import SearchSettings
from homeserver.services.server_notices import ServerNoticesSettings
from homeserver.services.sessions import SessionSettings
from homeserver.services.settings import RoomSettings
from homeserver.services.sliding.settings import SlidingSettings
from homeserver.services.stages.settings import TermsSettings
from homeserver.services.sticky_events.settings import StickyEventSettings
from homeserver.services.sync.settings import SyncSettings
from homeserver.services.user_directory import UserDirectorySettings
from homeserver.store.settings import DatabaseSettings


@frozen
class LoggingSettings:
    """What is written down of what happens: JSON, a line each."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important lines that are written; ``info`` has one for each request."""
    file: Path | None = None
    """Where to; it is opened again on SIGHUP. Unset: the standard error output."""


def _is_url(_: Any, attribute: "Attribute[str | None]", url: str | None) -> None:
    if url is not None and not url.startswith(("https://", "http://")):
        raise ValueError(f"{attribute.name} must start with https:// or http://")


def _are_there(_: Any, attribute: "Attribute[Any]", listeners: tuple[ListenerSettings, ...]) -> None:
    if not listeners:
        raise ValueError(f"{attribute.name} must name at least one address")


@frozen
class Settings:
    """
    Everything that can be set.

    Relative paths start at the folder of the settings file, or without one at the current folder.  A setting can also
    be given by the environment, as YAML: ``FOLKMOOT__DATABASE__URL`` is ``url`` in the section ``database``.
    """

    server_name: ServerName = ServerName("localhost")
    """
    The name behind the colon of every user ID of this server: a host name, or for trying things out ``localhost`` or
    an IP literal, each with or without a port. It can never be changed once there are accounts.
    """
    public_baseurl: str | None = field(default=None, validator=_is_url)
    """
    The URL at which clients, and with https:// also other servers, reach this server. Unset: the address of the first
    listener, for trying things out.
    """
    data_dir: Path = Path("folkmoot-data")
    """The folder of the signing key, of files, and of the database unless that is elsewhere; made on first start."""
    database: DatabaseSettings | None = None
    """Unset: a SQLite file in data_dir."""
    listeners: tuple[ListenerSettings, ...] = field(default=(ListenerSettings(8008),), validator=_are_there)
    """Where the server answers; every listener answers clients and servers alike."""
    http: HTTPSettings = HTTPSettings()
    """What is taken in."""
    registration: RegistrationSettings = RegistrationSettings()
    """Who may make an account."""
    terms: TermsSettings = TermsSettings()
    """What newcomers accept."""
    accounts: AccountSettings = AccountSettings()
    """How long accounts can be used."""
    sessions: SessionSettings = SessionSettings()
    """How long a login lasts."""
    passwords: PasswordSettings = PasswordSettings()
    """Passwords."""
    login_failures: LoginFailureSettings = LoginFailureSettings()
    """How many wrong passwords are taken; off together with rate_limits."""
    rendezvous: RendezvousSettings = RendezvousSettings()
    """Logging in by a QR code: where the two devices meet."""
    account_data: AccountDataSettings = AccountDataSettings()
    """What clients keep here."""
    rate_limits: RateLimitSettings = RateLimitSettings()
    """How often one account, or one address without an account, may ask for things."""
    rooms: RoomSettings = RoomSettings()
    """How rooms are made."""
    retention: RetentionSettings = RetentionSettings()
    """How long messages are kept."""
    moderation: ModerationSettings = ModerationSettings()
    """What those see who look after rooms."""
    user_directory: UserDirectorySettings = UserDirectorySettings()
    """Whom users find by name."""
    search: SearchSettings = SearchSettings()
    """Whether messages are found by their words."""
    presence: PresenceSettings = PresenceSettings()
    """Whether users see who else is there."""
    sync: SyncSettings = SyncSettings()
    """How much one sync brings."""
    sliding_sync: SlidingSettings = SlidingSettings()
    """What is remembered of clients that look at some of their rooms only."""
    sticky_events: StickyEventSettings = StickyEventSettings()
    """Events that everybody in a room is told of for a while, as those of calls are."""
    delayed_events: DelayedEventSettings = DelayedEventSettings()
    """Events that clients schedule to be sent later."""
    rtc: RTCSettings = RTCSettings()
    """Calls of many: what carries them."""
    turn: TurnSettings | None = None
    """The TURN servers by which calls find their way. Unset: there are none."""
    push: PushSettings = PushSettings()
    """Push notifications: what the push gateways that users' apps name are told."""
    federation: FederationSettings = FederationSettings()
    """How this server meets others."""
    policy: PolicySettings = PolicySettings()
    """Whom this server keeps away, by the lists that others keep as well."""
    outbound: OutboundSettings = OutboundSettings()
    """Requests to push gateways, application services, identity servers and previewed pages."""
    appservices: tuple[Path, ...] = ()
    """The registration files (YAML) of application services."""
    appservice_traffic: AppserviceTrafficSettings = AppserviceTrafficSettings()
    """How application services are told what happens."""
    email: EmailSettings | None = None
    """The mail server. Unset: this server sends no mail."""
    server_notices: ServerNoticesSettings = ServerNoticesSettings()
    """Who tells users what the server has to tell."""
    support: SupportSettings = SupportSettings()
    """Whom users turn to; told at /.well-known/matrix/support."""
    administration: AdministrationSettings = AdministrationSettings()
    """What administrators do."""
    jobs: JobSettings = JobSettings()
    """Long work in the background."""
    housekeeping: HousekeepingSettings = HousekeepingSettings()
    """How long things are kept that only matter for a while."""
    logging: LoggingSettings = LoggingSettings()
    """What is written down of what happens."""

    @property
    def baseurl(self) -> str:
        """Where clients reach this server, without a slash at the end."""
        return (self.public_baseurl or self.listeners[0].url).rstrip("/")

    @property
    def registration_is_open(self) -> bool:
        """Whether strangers may make accounts."""
        return self.is_trial if self.registration.enabled is None else self.registration.enabled

    @property
    def is_trial(self) -> bool:
        """Whether the server's name says that it is for trying things out on this machine."""
        return self.server_name.partition(":")[0] == "localhost" or _is_loopback(self.server_name)


def _is_loopback(server_name: str) -> bool:
    host = server_name[1:].partition("]")[0] if server_name.startswith("[") else server_name.partition(":")[0]
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
