"""Pages for people: a heading, a few sentences, and perhaps a form whose button does what they say."""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from html import escape
from string import Template
from typing import Final

from attrs import frozen

from homeserver.http.replies import Content

LOOK: Final = """\
:root { color-scheme: light dark; --ink: #1d2a24; --dim: #5c6b64; --paper: #f6f4ee; --card: #fffefa; --line: #dedbd0;
  --leaf: #2f7d5b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9ece6; --dim: #9fada5; --paper: #141a17; --card: #1c2420;
  --line: #2e3933; --leaf: #6cc79d; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 2rem 1rem; background: var(--paper);
  color: var(--ink); font: 1.05rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }"""
"""The colors, the letters and the place of what every page shows."""

_PAGE: Final = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>$heading</title>
<style>
$look
main { width: 100%; max-width: 34rem; background: var(--card); border: 1px solid var(--line); border-radius: 1rem;
  padding: clamp(1.5rem, 5vw, 3rem); overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.25; }
p { margin: .9rem 0 0; color: var(--dim); }
ul { margin: .9rem 0 0; padding-left: 1.2rem; }
a { color: var(--leaf); }
.note { color: var(--ink); font-weight: 600; }
label { display: block; margin-top: 1.1rem; color: var(--dim); font-size: .95rem; }
input { display: block; width: 100%; margin-top: .3rem; padding: .6rem .8rem; border: 1px solid var(--line);
  border-radius: .6rem; background: var(--paper); color: var(--ink); font: inherit; }
button { margin-top: 1.6rem; padding: .7rem 1.5rem; border: 0; border-radius: .6rem; background: var(--leaf);
  color: var(--card); font: inherit; font-weight: 600; cursor: pointer; }
</style>
</head>
<body>
<main>
<h1>$heading</h1>
$sentences
$form
</main>$script
</body>
</html>
""")

_HEADERS: Final = (
    (b"X-Content-Type-Options", b"nosniff"),
    # The address of the page holds a secret.
    (b"Referrer-Policy", b"no-referrer"),
    (b"Cache-Control", b"no-store"),
)


@frozen
class Field:
    """What somebody types in."""

    name: str
    label: str
    type: str = "text"
    """As HTML has it; ``hidden`` shows nothing."""
    autocomplete: str = "off"
    value: str = ""

    def to_html(self) -> str:
        name, value = escape(self.name), escape(self.value)
        if self.type == "hidden":
            return f'<input type="hidden" name="{name}" value="{value}">'
        return (
            f'<label>{escape(self.label)}<input type="{self.type}" name="{name}" value="{value}" '
            f'autocomplete="{self.autocomplete}" autocapitalize="none" spellcheck="false" required></label>'
        )


@frozen
class Link:
    """Something to read elsewhere."""

    text: str
    url: str

    def to_html(self) -> str:
        return (
            f'<li><a href="{escape(self.url)}" target="_blank" rel="noopener noreferrer">{escape(self.text)}</a></li>'
        )


@frozen
class Page:
    """What somebody reads; *button*: what sends the page's own address again, by POST, with what the *fields* hold."""

    heading: str
    sentences: Sequence[str] = ()
    button: str | None = None
    code: int = 200
    fields: Sequence[Field] = ()
    links: Sequence[Link] = ()
    note: str | None = None
    """What went wrong."""
    script: str | None = None
    """The one that this page runs: never made of what somebody sends."""

    def to_content(self) -> Content:
        """Complete in itself: it loads nothing, and runs no other script than its own."""
        text = _PAGE.substitute(
            look=LOOK,
            heading=escape(self.heading),
            sentences="\n".join(self._lines()),
            form=self._form(),
            script="" if self.script is None else f"\n<script>{self.script}</script>",
        )
        page = text.encode("utf-8", "replace")
        headers = ((b"Content-Security-Policy", self._policy().encode()), *_HEADERS)
        return Content("text/html; charset=utf-8", (page,), len(page), headers, self.code)

    def _lines(self) -> list[str]:
        lines = [f"<p>{escape(sentence)}</p>" for sentence in self.sentences]
        if self.links:
            lines.append(f"<ul>{''.join(link.to_html() for link in self.links)}</ul>")
        if self.note is not None:
            lines.append(f'<p class="note" role="alert">{escape(self.note)}</p>')
        return lines

    def _form(self) -> str:
        if self.button is None:
            return ""
        fields = "".join(each.to_html() for each in self.fields)
        return f'<form method="post">{fields}<button>{escape(self.button)}</button></form>'

    def _policy(self) -> str:
        allowed = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
        if self.script is not None:
            digest = b64encode(sha256(self.script.encode()).digest()).decode()
            allowed += f"script-src 'sha256-{digest}'; connect-src 'self'; "
        return f"{allowed}frame-ancestors 'none'"
