"""
Policies that newcomers accept.

Spec: client-server-api#terms-of-service-at-registration
"""

from collections.abc import Iterable

from attrs import frozen

from homeserver.core.canonical import JSONObject, parse_json_object


@frozen
class Translation:
    """A policy in one language; *language* as ``en`` or ``pt-BR``."""

    language: str
    name: str
    url: str


@frozen
class Policy:
    """One document, of which there may be versions and translations."""

    id: str
    version: str
    translations: tuple[Translation, ...]


def policies_json(policies: Iterable[Policy]) -> JSONObject:
    """What clients show: ``{policy: {"version": …, language: {"name": …, "url": …}}}``."""
    return {policy.id: _policy_json(policy) for policy in policies}


def parse_accepted(proof: str) -> dict[str, str]:
    """The ``{policy: version}`` that the stage proved."""
    return {policy: str(version) for policy, version in parse_json_object(proof.encode()).items()}


def _policy_json(policy: Policy) -> JSONObject:
    languages: JSONObject = {each.language: {"name": each.name, "url": each.url} for each in policy.translations}
    return {"version": policy.version, **languages}
