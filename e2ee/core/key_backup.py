"""
Encrypted copies of sessions' keys, kept for users.

Spec: client-server-api#server-side-key-backups
"""

import re
from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSONObject

_VERSION: Final = re.compile(r"[0-9]{1,15}\Z", re.ASCII)


@frozen
class BackupKey:
    """The key of one session; *session_data* only the user can read."""

    first_message_index: int
    forwarded_count: int
    is_verified: bool
    session_data: JSONObject


@frozen
class BackupVersion:
    """One backup of a user; *etag* changes with its keys."""

    version: int
    algorithm: str
    auth_data: JSONObject
    etag: int
    count: int


def parse_version(text: str) -> int | None:
    """The number of a backup; None: this server never made one of that name."""
    return int(text) if _VERSION.match(text) else None


def is_better(new: BackupKey, held: BackupKey) -> bool:
    """
    Whether *new* takes the place of the key that is held for the session.

    Verified beats unverified, then an earlier first message, then fewer hands it went through.
    """
    return _rank(new) < _rank(held)


def _rank(key: BackupKey) -> tuple[bool, int, int]:
    return (not key.is_verified, key.first_message_index, key.forwarded_count)
