"""The page that a browser finds at the server's address: what this is, and what to do next."""

from html import escape
from string import Template
from typing import Final

from attrs import frozen

from homeserver.core.identifiers import ServerName
from homeserver.http.operation import operation
from homeserver.http.pages import LOOK
from homeserver.http.replies import Content
from homeserver.http.rows import Authentication, Row

LANDING: Final = Row("folkmoot", "landing", "GET", "/", Authentication.NONE)


@frozen
class Welcome:
    """What newcomers are told."""

    server_name: ServerName
    address: str
    """What to type into a client."""
    registration_open: bool
    tokens_required: bool = False

    def steps(self) -> tuple[str, ...]:
        """What to do next, a sentence or two each; the terminal says the same as the page."""
        return (
            "Open a Matrix client: Element, FluffyChat, Cinny, NeoChat or any other, on a computer or a phone.",
            f"Where it asks for a homeserver, enter {self.address}",
            self._account_step(),
            "Create a room or a space, and invite others by their user ID or with a link.",
        )

    def _account_step(self) -> str:
        user_id = f"@name:{self.server_name}"
        if not self.registration_open:
            return f"Sign in. Accounts of this server, such as {user_id}, are made by its administrators."
        token = " You will be asked for a registration token; an administrator has one." if self.tokens_required else ""
        return f"Create an account. Your user ID will look like {user_id}.{token}"


_PAGE: Final = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$server_name</title>
<style>
$look
main { width: 100%; max-width: 36rem; background: var(--card); border: 1px solid var(--line); border-radius: 1rem;
  padding: clamp(1.5rem, 5vw, 3rem); }
.ring { display: block; width: 3.25rem; height: 3.25rem; color: var(--leaf); }
h1 { margin: 1rem 0 0; font-size: 1.7rem; line-height: 1.2; letter-spacing: -.02em; overflow-wrap: anywhere; }
p { margin: .35rem 0 0; color: var(--dim); }
code { display: block; margin: 1.5rem 0; padding: .8rem 1rem; border-radius: .6rem; background: var(--paper);
  border: 1px solid var(--line); font: 600 1rem/1.4 ui-monospace, Menlo, Consolas, monospace; overflow-wrap: anywhere;
  user-select: all; }
ol { margin: 0; padding: 0; list-style: none; counter-reset: step; }
li { counter-increment: step; padding: .55rem 0 .55rem 2.4rem; position: relative; overflow-wrap: anywhere; }
li::before { content: counter(step); position: absolute; left: 0; top: .62rem; width: 1.55rem; height: 1.55rem;
  border-radius: 50%; background: var(--leaf); color: var(--card); font-weight: 600; font-size: .85rem;
  line-height: 1.55rem; text-align: center; }
footer { margin-top: 1.5rem; padding-top: 1rem; border-top: 1px solid var(--line); color: var(--dim);
  font-size: .9rem; }
a { color: var(--leaf); }
</style>
</head>
<body>
<main>
<svg class="ring" viewBox="0 0 48 48" fill="currentColor" aria-hidden="true"><circle cx="24" cy="7" r="4.5"/>
<circle cx="36" cy="12" r="4.5"/><circle cx="41" cy="24" r="4.5"/><circle cx="36" cy="36" r="4.5"/>
<circle cx="24" cy="41" r="4.5"/><circle cx="12" cy="36" r="4.5"/><circle cx="7" cy="24" r="4.5"/>
<circle cx="12" cy="12" r="4.5"/></svg>
<h1>$server_name is up and running</h1>
<p>This is a Folkmoot server for team chat. It speaks <a href="https://matrix.org">Matrix</a>.</p>
<code>$address</code>
<ol>
$steps
</ol>
<footer>For clients there is nothing to see here; they talk to this server by themselves.</footer>
</main>
</body>
</html>
""")

_HEADERS: Final = (
    (b"Content-Security-Policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Referrer-Policy", b"no-referrer"),
)


@frozen
class LandingEndpoints:
    """The server's own page."""

    welcome: Welcome

    @operation(LANDING)
    async def landing(self) -> Content:
        """Complete in itself: it loads nothing."""
        page = _PAGE.substitute(
            look=LOOK,
            server_name=escape(self.welcome.server_name),
            address=escape(self.welcome.address),
            steps="\n".join(f"<li>{escape(step)}</li>" for step in self.welcome.steps()),
        ).encode()
        return Content("text/html; charset=utf-8", (page,), len(page), _HEADERS)
