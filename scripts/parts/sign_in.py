"""Accounts: proving who one is."""

from attrs import evolve

from e2ee.services.belongings import EncryptionBelongings
from federation.services.signing_key import OwnKeys
from homeserver.services.access_tokens import AccessTokens
from homeserver.services.account_validity import AccountValidity
from homeserver.services.credentials import Credentials
from homeserver.services.deactivation import Deactivation
from homeserver.services.device_erasure import DeviceErasure
from homeserver.services.interactive_auth import InteractiveAuth
from homeserver.services.last_seen import LastSeen
from homeserver.services.login_failures import LoginFailures
from homeserver.services.logins import Logins
from homeserver.services.password_hashes import PasswordHashes
from homeserver.services.passwords import Passwords
from homeserver.services.registration import Registration
from homeserver.services.sessions import Sessions
from homeserver.services.stages.email import EmailIdentity
from homeserver.services.stages.simple import Dummy, Password, RegistrationToken, Terms
from homeserver.services.stages.stage import Stage
from homeserver.services.third_party_ids import ThirdPartyIDs
from scripts.parts.appservices import Appservices
from scripts.parts.foundation import Foundation
from scripts.parts.mailing import mailing_of
from scripts.parts.members import Members


class SignIn:
    """Accounts: proving who one is."""

    def __init__(self, base: Foundation, appservices: Appservices, members: Members) -> None:
        settings, reactor, name = base.settings, base.reactor, base.name
        keys, database = base.keys, base.database
        roster = appservices.roster

        self.hashes = hashes = PasswordHashes(settings.passwords)
        self.last_seen = last_seen = LastSeen(database, reactor, settings.sessions.keep_addresses)
        base.closing.push_async_callback(last_seen.flush)
        self.access_tokens = access_tokens = AccessTokens(database, reactor, roster, last_seen)
        database.subscribe(access_tokens.follow)
        belongings = EncryptionBelongings()
        self.sessions = sessions = Sessions(
            database, reactor, settings.sessions, access_tokens, DeviceErasure([belongings])
        )
        failures = LoginFailures(reactor, settings.login_failures if settings.rate_limits.enabled else None)
        credentials = Credentials(name, database, hashes, failures)
        self.interactive_secret = interactive_secret = _interactive_secret(keys)
        self.mailing = mailing = mailing_of(base, interactive_secret)
        self.validation = validation = None if mailing is None else mailing.validation
        stages: list[Stage] = [
            Dummy(),
            Password(credentials),
            RegistrationToken(database, reactor),
            Terms(settings.terms.policies),
            *([EmailIdentity(validation)] if validation is not None else []),
        ]
        self.interactive_auth = interactive_auth = InteractiveAuth(interactive_secret, database, reactor, stages)
        self.logins = Logins(database, reactor, credentials, sessions, interactive_auth, roster)
        registration_settings = evolve(settings.registration, enabled=settings.registration_is_open)
        self.registration = Registration(
            name,
            registration_settings,
            database,
            reactor,
            hashes,
            sessions,
            interactive_auth,
            roster,
            has_terms=bool(settings.terms.policies),
            can_mail=mailing is not None,
        )
        self.passwords = Passwords(database, hashes, sessions, interactive_auth, can_mail=mailing is not None)
        self.third_party_ids = ThirdPartyIDs(database, reactor, interactive_auth, validation)
        if mailing is not None:
            self.passwords.listeners.append(mailing.notices.password_changed)
            if mailing.settings.tell_logins:
                self.logins.listeners.append(mailing.notices.logged_in)
        self.validity = AccountValidity(
            database,
            reactor,
            settings.accounts,
            interactive_secret,
            None if mailing is None else mailing.reminders,
        )
        self.deactivation = Deactivation(
            database, sessions, interactive_auth, members.own_members, [belongings, self.validity]
        )


def _interactive_secret(keys: OwnKeys) -> bytes:
    """The same in every process, as all of them hold the key; nobody else can make it, as nothing else signs this."""
    return keys.current.sign(b"folkmoot: sessions of interactive authentication")[:32]
