"""Rate limits that one account has for itself, in the place of everybody's."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from homeserver.core.canonical import JSON, JSONObject, encode_json, parse_json_object
from homeserver.core.malformed import Malformed
from homeserver.core.rates import Rate

RateOverrides: TypeAlias = Mapping[str, Rate | None]
"""``{kind: its rate}``, None: no limit; kinds that are not there are as everybody's."""

PER_SECOND_MAX: Final = 1_000_000
BURST_MAX: Final = 1_000_000


def parse_overrides(value: JSONObject, kinds: frozenset[str]) -> RateOverrides:
    """
    The overrides that an administrator asks for: ``{kind: {"per_second": …, "burst": …}}``, or null for no limit.

    Raises Malformed.
    """
    overrides: dict[str, Rate | None] = {}
    for kind, rate in value.items():
        if kind not in kinds:
            raise Malformed(f"There are limits of {', '.join(sorted(kinds))}.", kind, "M_INVALID_PARAM")
        overrides[kind] = None if rate is None else _parse_rate(rate, kind)
    return overrides


def overrides_json(overrides: RateOverrides) -> JSONObject:
    """The same as JSON."""
    return {
        kind: None if rate is None else {"per_second": rate.per_second, "burst": rate.burst}
        for kind, rate in overrides.items()
    }


def stored_overrides(text: str) -> RateOverrides:
    """The overrides that were stored as *text*."""
    overrides: dict[str, Rate | None] = {}
    for kind, rate in parse_json_object(text.encode()).items():
        overrides[kind] = None if rate is None else _parse_rate(rate, kind)
    return overrides


def overrides_text(overrides: RateOverrides) -> str:
    """The text that is stored."""
    return encode_json(overrides_json(overrides)).decode()


def _parse_rate(value: JSON, kind: str) -> Rate:
    if not isinstance(value, dict):
        raise Malformed("This must be an object with per_second and burst, or null.", kind)
    per_second, burst = value.get("per_second"), value.get("burst")
    if not isinstance(per_second, int | float) or isinstance(per_second, bool) or not 0 < per_second <= PER_SECOND_MAX:
        raise Malformed("This must be a number above 0.", f"{kind}.per_second", "M_INVALID_PARAM")
    if not isinstance(burst, int) or isinstance(burst, bool) or not 1 <= burst <= BURST_MAX:
        raise Malformed("This must be a whole number above 0.", f"{kind}.burst", "M_INVALID_PARAM")
    return Rate(float(per_second), burst)
