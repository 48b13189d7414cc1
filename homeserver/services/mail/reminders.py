"""Users hear by mail that their account ends, and by which link they renew it."""

from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

import structlog
from attrs import define

from homeserver.core.mail.addresses import EMAIL, EmailAddress
from homeserver.core.mail.validation import renewal_token
from homeserver.services.mail.post import Post
from homeserver.services.mail.texts import Texts
from homeserver.store import threepids
from homeserver.store.account_validity import Validity
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

RENEW_PATH: Final = "/_folkmoot/client/v1/account/renew"


@define(eq=False)
class RenewalReminders:
    """Writes to all addresses of an account.  Implements ``account_validity.Reminders``."""

    post: Post
    texts: Texts
    secret: bytes
    baseurl: str

    def queue(self, tx: Write, validity: Validity) -> None:
        """The user is going to be told; mail that is lost is lost together with what is written beside it."""
        assert validity.expires_ms is not None, "who is reminded has an end"
        user_id, expires_ms = validity.user_id, validity.expires_ms
        query = {"user_id": user_id, "until": expires_ms, "token": renewal_token(self.secret, user_id, expires_ms)}
        link = f"{self.baseurl}{RENEW_PATH}?{urlencode(query)}"
        when = f"{datetime.fromtimestamp(expires_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
        addresses = [each.address for each in threepids.of_user(tx.connection, user_id) if each.medium == EMAIL]
        for address in addresses:
            letter = self.texts.letter("expiry", EmailAddress(address), user_id=user_id, when=when, link=link)
            self.post.queue(tx, letter, self.post.encode(letter))
        if not addresses:
            log.warning("an account ends, and its user has no address", user=user_id, expires_ms=expires_ms)
