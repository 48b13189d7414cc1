"""
How long an answer about delegation may be believed.

Spec: server-server-api#resolving-server-names, step 3
"""

from email.utils import parsedate_to_datetime
from typing import Final

from homeserver.core.malformed import Malformed

HOUR_MS: Final = 3_600_000
LIFETIME_DEFAULT_MS: Final = 24 * HOUR_MS
LIFETIME_MAX_MS: Final = 48 * HOUR_MS
LIFETIME_MIN_MS: Final = 300_000
"""NOTSPEC: an answer that forbids caching is still kept this long, or each transaction would ask again."""
ERROR_LIFETIME_MIN_MS: Final = 30_000
ERROR_LIFETIME_MAX_MS: Final = HOUR_MS


def lifetime_ms(cache_control: str | None, expires: str | None, age: str | None, now_ms: int) -> int:
    """How long from now a valid document is good, by its response's headers; None: absent."""
    stated = _stated_ms(cache_control, expires, now_ms)
    if stated is None:
        return LIFETIME_DEFAULT_MS
    if age is not None and age.strip().isascii() and age.strip().isdigit():
        stated -= int(age) * 1000
    return max(LIFETIME_MIN_MS, min(stated, LIFETIME_MAX_MS))


def error_lifetime_ms(failures: int) -> int:
    """How long it is good that there is no document, after *failures* such answers in a row; at most an hour."""
    return min(ERROR_LIFETIME_MIN_MS << min(max(failures, 1) - 1, 16), ERROR_LIFETIME_MAX_MS)


def _stated_ms(cache_control: str | None, expires: str | None, now_ms: int) -> int | None:
    for directive in (cache_control or "").lower().split(","):
        name, _, value = directive.strip().partition("=")
        if name in {"no-store", "no-cache"}:
            return 0
        seconds = value.strip().strip('"')
        if name == "max-age" and seconds.isascii() and seconds.isdigit():
            return int(seconds) * 1000
    if expires is None:
        return None
    try:
        return _parse_date_ms(expires) - now_ms
    except Malformed:
        # Dates that are none, "0" above all, mean that the answer has expired.
        return 0


def _parse_date_ms(text: str) -> int:
    try:
        return int(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError) as error:
        raise Malformed("This is not an HTTP date.") from error
