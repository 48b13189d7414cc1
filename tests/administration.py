"""A server's accounts and those who administer them, wired as ``scripts/parts`` wires them."""

from typing import Any

from attrs import define, field

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.versions import V12
from homeserver.http.admin.actions import ActionEndpoints
from homeserver.http.admin.audit import Audit
from homeserver.http.admin.description import DescriptionEndpoints
from homeserver.http.admin.possessions import PossessionEndpoints
from homeserver.http.admin.registration_tokens import RegistrationTokenEndpoints
from homeserver.http.admin.reports import AdminReportEndpoints
from homeserver.http.admin.rows import PREFIX
from homeserver.http.admin.server import ServerEndpoints
from homeserver.http.admin.users import UserEndpoints
from homeserver.http.admin.validity import ValidityEndpoints
from homeserver.http.authentication import token_authenticators
from homeserver.http.client.admin import AdminEndpoints
from homeserver.http.client.capabilities import CapabilityEndpoints
from homeserver.http.client.devices import DeviceEndpoints
from homeserver.http.client.login import LoginEndpoints, SessionEndpoints
from homeserver.http.client.profiles import ProfileEndpoints
from homeserver.services.account_validity import AccountSettings, AccountValidity
from homeserver.services.administration.accounts import Accounts as AllAccounts
from homeserver.services.administration.actions import Actions
from homeserver.services.administration.notices import NoticeRounds
from homeserver.services.administration.possessions import Possessions
from homeserver.services.administration.registration_tokens import RegistrationTokens
from homeserver.services.administration.reports import Reports
from homeserver.services.administration.standing import Standing
from homeserver.services.administration.statistics import About, Statistics
from homeserver.services.administration.whois import WhoIs
from homeserver.services.capabilities import Capabilities
from homeserver.services.jobs.service import Jobs
from homeserver.services.known_events import KnownEvents
from homeserver.services.log_tail import LogTail
from homeserver.services.memberships import Memberships
from homeserver.services.rate_limits import RateLimitSettings
from homeserver.services.refusals import NotFound
from homeserver.services.sessions import NewSession
from homeserver.store import users
from tests.accounts import HERE, Accounts
from tests.client import Client, Response, a_site
from tests.databases import DatabaseCase

LOUD = UserID(f"@notices:{HERE}")


@define
class FakeNotices:
    """Remembers who was told what; ``@deaf:localhost`` cannot be told anything."""

    user_id: UserID = LOUD
    sent: list[tuple[UserID, JSONObject]] = field(factory=list)

    async def send(self, user_id: UserID, content: JSONObject) -> EventID:
        if user_id.startswith("@deaf:"):
            raise NotFound
        self.sent.append((user_id, content))
        return EventID(f"${len(self.sent)}")


class AdministrationCase(DatabaseCase):
    """``self.root`` administers; ``self.alice`` and ``self.bob`` do not."""

    limits = RateLimitSettings(enabled=False)

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.accounts = accounts = Accounts(self.database)
        self.notices = FakeNotices()
        tail = LogTail(self.database.head)
        self.database.subscribe(tail.extend)
        memberships = Memberships(self.database, tail)
        tail.follow(memberships.follow)
        clock, sessions = accounts.clock, accounts.sessions
        self.actions = Actions(self.database, clock)
        standing = Standing(HERE, self.database, sessions)
        self.every_account = AllAccounts(
            HERE,
            self.database,
            clock,
            accounts.hashes,
            accounts.passwords,
            accounts.profiles,
            accounts.deactivation,
            accounts.appservices,
            (LOUD,),
        )
        self.jobs = Jobs(self.database, clock, "here")
        notice_rounds = NoticeRounds(self.database, self.notices, self.jobs)
        self.jobs.add_kind(notice_rounds)
        administration = (
            UserEndpoints(self.every_account, standing),
            PossessionEndpoints(Possessions(self.database, clock, sessions, accounts.devices, memberships)),
            ValidityEndpoints(AccountValidity(self.database, clock, AccountSettings(), b"s" * 32)),
            RegistrationTokenEndpoints(RegistrationTokens(self.database, clock)),
            AdminReportEndpoints(Reports(self.database, KnownEvents(self.database))),
            ServerEndpoints(
                Statistics(self.database, clock, About(HERE, "1.0", "3.11", self.kind, 0)),
                notice_rounds,
            ),
            ActionEndpoints(self.actions),
        )
        self.site = a_site(
            *administration,
            DescriptionEndpoints([type(each) for each in administration], "1.0"),
            AdminEndpoints(standing, WhoIs(self.database, self.accounts.last_seen)),
            LoginEndpoints(accounts.logins),
            SessionEndpoints(sessions),
            DeviceEndpoints(accounts.devices),
            ProfileEndpoints(accounts.profiles),
            CapabilityEndpoints(Capabilities(V12)),
            authenticators=token_authenticators(accounts.tokens),
            limits=self.limits,
            clock=clock,
            audit=Audit(self.actions),
        )
        self.root, self.alice, self.bob = [await self.client_of(name) for name in ("root", "alice", "bob")]
        await self.database.write(users.set_admin, user("root"), is_admin=True)
        accounts.tokens.forget(user("root"))

    async def client_of(self, name: str) -> Client:
        """A client of a new user, who has the password ``tests.accounts.PASSWORD``."""
        opened = await self.accounts.register(name, NewSession(display_name=f"{name}'s phone"))
        assert opened.tokens is not None
        return Client(self.site, opened.tokens.access_token)

    async def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Response:
        """What the administrator is answered by the operation at *path* below the prefix."""
        return await self.root.request(method, PREFIX + path, body, query=query)

    async def done(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The same, which must be done."""
        response = await self.ask(method, path, body, **query)
        self.assertEqual(200, response.status, response.body)
        return response.json


def user(name: str) -> UserID:
    """The user of that name."""
    return UserID(f"@{name}:{HERE}")
