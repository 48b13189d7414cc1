"""
Where clients and servers that know only the server's name find this server, and people find its administrators.

Spec: client-server-api#well-known-uris
"""

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from attrs import Attribute, field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import UserID
from homeserver.http.operation import operation, server_operation
from homeserver.services.refusals import NotFound

HTTPS_PORT = 443


@frozen
class ContactSettings:
    """One way to reach whoever runs this server."""

    role: Literal["m.role.admin", "m.role.security"] = "m.role.admin"
    """What for: ``m.role.admin``, anything; ``m.role.security``, what is sensitive."""
    matrix_id: UserID | None = None
    """A Matrix user, best on another server."""
    email_address: str | None = None
    """An address of electronic mail; one of the two is needed."""

    def __attrs_post_init__(self) -> None:
        if self.matrix_id is None and self.email_address is None:
            raise ValueError("a contact needs a matrix_id or an email_address")


def _is_url(_: Any, attribute: "Attribute[str | None]", url: str | None) -> None:
    if url is not None and not url.startswith(("https://", "http://")):
        raise ValueError(f"{attribute.name} must start with https:// or http://")


@frozen
class SupportSettings:
    """Whom users turn to; told at /.well-known/matrix/support."""

    contacts: tuple[ContactSettings, ...] = ()
    """Those who run this server."""
    support_page: str | None = field(default=None, validator=_is_url)
    """A page that helps users of this server."""


@frozen
class SupportReply:
    contacts: tuple[ContactSettings, ...] | None
    support_page: str | None


def client_configuration(baseurl: str, proposed: Mapping[str, JSON]) -> JSONObject:
    """What clients that know the server's name are told; *proposed*: by proposals."""
    return {"m.homeserver": {"base_url": baseurl}, **proposed}


@frozen
class WellKnownEndpoints:
    """
    *public_baseurl*: where everybody reaches this server; None: it has no such address yet.

    *proposed*: what proposals tell clients beside it.  *policy_key*: by which this server signs as a policy server,
    unpadded base64; None: it is none.
    """

    public_baseurl: str | None
    support: SupportSettings
    proposed: Mapping[str, JSON] = field(factory=dict)
    policy_key: str | None = None

    @operation("getWellknown")
    async def client(self) -> JSONObject:
        """Where clients find this server.  Raises NotFound."""
        if self.public_baseurl is None:
            raise NotFound("This server has no public address.")
        return client_configuration(self.public_baseurl, self.proposed)

    @server_operation("getWellKnown")
    async def server(self) -> JSONObject:
        """Where servers find this server.  Raises NotFound.  Spec: server-server-api#resolving-server-names"""
        url = urlsplit(self.public_baseurl or "")
        if url.scheme != "https" or url.hostname is None:
            raise NotFound("Other servers do not reach this server yet.")
        host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
        return {"m.server": f"{host}:{url.port or HTTPS_PORT}"}

    @operation("getWellknownPolicy")
    async def policy_server(self) -> JSONObject:
        """By which key rooms know this server as a policy server.  Raises NotFound."""
        if self.policy_key is None:
            raise NotFound("This server is no policy server.")
        return {"public_keys": {"ed25519": self.policy_key}}

    @operation("getWellknownSupport")
    async def support_contacts(self) -> SupportReply:
        """Whom users turn to.  Raises NotFound."""
        if not self.support.contacts and self.support.support_page is None:
            raise NotFound("Nobody is named here.")
        return SupportReply(self.support.contacts or None, self.support.support_page)
