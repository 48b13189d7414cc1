"""
Policies that newcomers accept.

Spec: client-server-api#terms-of-service-at-registration
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from attrs import Attribute, field, frozen

from homeserver.core.canonical import JSONObject, parse_json_object

_OPAQUE: Final = re.compile(r"[0-9a-zA-Z._~-]{1,255}\Z")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*\Z")


def _is_opaque(_: Any, attribute: "Attribute[str]", text: str) -> None:
    if _OPAQUE.match(text) is None:
        raise ValueError(f"{attribute.name} must be letters, digits and . _ ~ -")


def _is_language(_: Any, attribute: "Attribute[str]", text: str) -> None:
    if _LANGUAGE.match(text) is None:
        raise ValueError(f"{attribute.name} must be the code of a language, such as en or pt-BR")


def _is_url(_: Any, attribute: "Attribute[str]", text: str) -> None:
    if not text.startswith(("https://", "http://")):
        raise ValueError(f"{attribute.name} must start with https:// or http://")


def _are_there(_: Any, attribute: "Attribute[Any]", translations: "tuple[Translation, ...]") -> None:
    languages = [each.language for each in translations]
    if not languages or len(set(languages)) < len(languages):
        raise ValueError(f"{attribute.name} must name at least one language, and each once")


@frozen
class Translation:
    """A policy in one language."""

    language: str = field(validator=_is_language)
    """Its code, such as en or pt-BR."""
    name: str
    """What the document is called in that language."""
    url: str = field(validator=_is_url)
    """Where it can be read."""


@frozen
class Policy:
    """One document that newcomers accept."""

    id: str = field(validator=_is_opaque)
    """What programs call it, such as privacy_policy."""
    version: str = field(validator=_is_opaque)
    """Its version; who accepted which is kept."""
    translations: tuple[Translation, ...] = field(validator=_are_there)
    """The document in every language in which it can be read."""


def policies_json(policies: Iterable[Policy]) -> JSONObject:
    """What clients show: ``{policy: {"version": …, language: {"name": …, "url": …}}}``."""
    return {policy.id: _policy_json(policy) for policy in policies}


def parse_accepted(proof: str) -> dict[str, str]:
    """The ``{policy: version}`` that the stage proved."""
    return {policy: str(version) for policy, version in parse_json_object(proof.encode()).items()}


def _policy_json(policy: Policy) -> JSONObject:
    languages: JSONObject = {each.language: {"name": each.name, "url": each.url} for each in policy.translations}
    return {"version": policy.version, **languages}
