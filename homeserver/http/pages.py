"""Pages for people: a heading, a few sentences, and perhaps a button that does what they say."""

from collections.abc import Sequence
from html import escape
from string import Template
from typing import Final

from attrs import frozen

from homeserver.http.replies import Content

_PAGE: Final = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>$heading</title>
<style>
:root { color-scheme: light dark; --ink: #1d2a24; --dim: #5c6b64; --paper: #f6f4ee; --card: #fffefa; --line: #dedbd0;
  --leaf: #2f7d5b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e9ece6; --dim: #9fada5; --paper: #141a17; --card: #1c2420;
  --line: #2e3933; --leaf: #6cc79d; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 2rem 1rem; background: var(--paper);
  color: var(--ink); font: 1.05rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { width: 100%; max-width: 34rem; background: var(--card); border: 1px solid var(--line); border-radius: 1rem;
  padding: clamp(1.5rem, 5vw, 3rem); overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.5rem; line-height: 1.25; }
p { margin: .9rem 0 0; color: var(--dim); }
button { margin-top: 1.6rem; padding: .7rem 1.5rem; border: 0; border-radius: .6rem; background: var(--leaf);
  color: var(--card); font: inherit; font-weight: 600; cursor: pointer; }
</style>
</head>
<body>
<main>
<h1>$heading</h1>
$sentences
$form
</main>
</body>
</html>
""")

_HEADERS: Final = (
    (b"Content-Security-Policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"X-Content-Type-Options", b"nosniff"),
    # The address of the page holds a secret.
    (b"Referrer-Policy", b"no-referrer"),
    (b"Cache-Control", b"no-store"),
)


@frozen
class Page:
    """What somebody reads; *button*: what sends the page's own address again, by POST."""

    heading: str
    sentences: Sequence[str] = ()
    button: str | None = None
    code: int = 200

    def to_content(self) -> Content:
        """Complete in itself: it loads nothing."""
        form = f'<form method="post"><button>{escape(self.button)}</button></form>' if self.button else ""
        text = _PAGE.substitute(
            heading=escape(self.heading),
            sentences="\n".join(f"<p>{escape(sentence)}</p>" for sentence in self.sentences),
            form=form,
        )
        page = text.encode("utf-8", "replace")
        return Content("text/html; charset=utf-8", (page,), len(page), _HEADERS, self.code)
