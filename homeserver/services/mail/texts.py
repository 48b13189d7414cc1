"""
What mail says: two small files a letter, one of text, whose first line is the subject, and one of HTML.

In the HTML everything is escaped; the subject becomes one line wherever it is used.
"""

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from homeserver.core.mail.addresses import EmailAddress
from homeserver.core.mail.letters import Letter

if TYPE_CHECKING:
    from jinja2 import Environment

LETTERS: Final = ("confirm", "in_use", "no_account", "login", "password", "expiry", "digest")
SHIPPED: Final = Path(str(files("homeserver.services.mail"))) / "templates"
_SUBJECT: Final = "Subject:"


class BadText(Exception):
    """A file that replaces one of ours does not do; the text says which and why."""


@define(eq=False)
class Texts:
    """Writes letters.  *folder*: files there go before those that are shipped.  Raises BadText."""

    app_name: str
    server_name: str
    folder: Path | None = None
    _environment: "Environment" = field(init=False)

    def __attrs_post_init__(self) -> None:
        # Imported here: a server that sends no mail does without, and is 1.9 MiB smaller.
        from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, select_autoescape

        self._environment = Environment(
            loader=FileSystemLoader([*([self.folder] if self.folder is not None else []), SHIPPED]),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            # Read once: nobody waits for a disk afterwards.
            auto_reload=False,
            cache_size=-1,
        )
        self._environment.globals.update(app_name=self.app_name, server_name=self.server_name)
        for name in (f"{letter}.{form}" for letter in LETTERS for form in ("txt", "html")):
            try:
                self._environment.get_template(name)
            except (TemplateError, OSError, UnicodeDecodeError) as error:
                raise BadText(f"{name}: {error}") from error

    def letter(self, name: str, to: EmailAddress, **facts: Any) -> Letter:
        """The letter of that name; *facts*: what its files speak of."""
        head, _, text = self._environment.get_template(f"{name}.txt").render(facts).partition("\n")
        html = self._environment.get_template(f"{name}.html").render(facts)
        return Letter(to, head.removeprefix(_SUBJECT).strip(), text.lstrip("\n"), html)
