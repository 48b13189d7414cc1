"""Settings of what newcomers go through."""

from typing import Any

from attrs import Attribute, field, frozen

from homeserver.core.terms import Policy


def _are_told_apart(_: Any, attribute: "Attribute[Any]", policies: tuple[Policy, ...]) -> None:
    if len({policy.id for policy in policies}) < len(policies):
        raise ValueError(f"{attribute.name} must have an id of their own each")


@frozen
class TermsSettings:
    """What newcomers accept before they have an account."""

    policies: tuple[Policy, ...] = field(default=(), validator=_are_told_apart)
    """The documents. None: newcomers are not asked for anything."""
