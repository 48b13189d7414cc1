"""Asks a server, over HTTP, in the name of an administrator."""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from attrs import field, frozen

TIMEOUT_SECONDS: Final = 60
PREFIX: Final = "/_folkmoot/admin/v1"


class Refused(Exception):
    """The server, or the way to it, did not do what was asked; the text is for the administrator."""


@frozen
class AdminClient:
    """A server at *url*, and the access token of one of its administrators (None: nobody's)."""

    url: str
    token: str | None = field(default=None, repr=False)

    def ask(
        self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Mapping[str, Any] | None = None
    ) -> Any:
        """The JSON that the server answers.  Raises Refused."""
        if not self.url.startswith(("https://", "http://")):
            raise Refused(f"{self.url} is not the address of a server, which begins with https://.")
        given = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        target = self.url.rstrip("/") + path + ("?" + urlencode(given) if given else "")
        request = Request(target, method=method, headers={"Accept": "application/json"})
        if self.token is not None:
            request.add_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode()
        try:
            with urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                return json.loads(response.read())
        except HTTPError as error:
            raise Refused(_reason(error, self.url)) from error
        except URLError as error:
            raise Refused(f"{self.url} cannot be reached: {error.reason}.") from error
        except (OSError, ValueError) as error:
            raise Refused(f"{self.url} does not answer as a Folkmoot server does: {error}.") from error


def path_of(template: str, values: Mapping[str, str]) -> str:
    """The path with its parameters filled in."""
    for name, value in values.items():
        template = template.replace(f"{{{name}}}", quote(value, safe=""))
    return template


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _reason(error: HTTPError, url: str) -> str:
    try:
        answer = json.loads(error.read())
        code, reason = str(answer["errcode"]), str(answer["error"])
    except (ValueError, KeyError, TypeError):
        return f"{url} answers {error.code}: is a Folkmoot server there?"
    if code in {"M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"}:
        return f"{reason} Log in with `folkmoot admin login`."
    if code == "M_UNRECOGNIZED":
        return f"{url} does not know this: it is an older Folkmoot, or another server."
    return f"{reason} ({code})"
