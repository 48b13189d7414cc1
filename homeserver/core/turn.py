"""
Credentials for a TURN server that shares a secret with this one, as coturn's ``use-auth-secret`` understands them.

Spec: client-server-api#get_matrixclientv3voipturnserver
"""

import hmac
from base64 import b64encode

from attrs import frozen

from homeserver.core.identifiers import UserID


@frozen
class TurnCredentials:
    username: str
    password: str


def turn_credentials(user_id: UserID, shared_secret: str, expires_seconds: int) -> TurnCredentials:
    """Credentials that are good until *expires_seconds* after 1970."""
    username = f"{expires_seconds}:{user_id}"
    # The TURN server makes the same from the name alone, so that it needs to know no user.
    digest = hmac.digest(shared_secret.encode(), username.encode(), "sha1")
    return TurnCredentials(username, b64encode(digest).decode())
