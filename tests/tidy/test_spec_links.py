"""Links into the specification lead somewhere: ``Spec: client-server-api#receipts`` is a heading of that page."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest import TestCase, skipUnless

import yaml

from scripts.compile_spec import SPEC
from tests.tidy.sources import sources

LINK = re.compile(r"(?:Spec:|(?<=\band)) +([a-z0-9/_-]+)#([\w-]+)")
HEADING = re.compile(r"^#{1,6} +(.+?)(?: *\{(?:[^}]*id=\"|#)([\w-]+)[^}]*\})? *#*$", re.MULTILINE)
ANCHOR = re.compile(r"<a (?:id|name)=\"([^\"]+)\"|<h\d id=\"([^\"]+)\"")
SHORTCODE = re.compile(r"\{\{[%<] *([\w/-]+)([^%>]*?) *[%>]\}\}")
OPTION = re.compile(r"(\w+)=\"([^\"]*)\"")


class SpecLinksTests(TestCase):
    @skipUnless(SPEC.is_dir(), "NO LINK INTO THE SPEC IS FOLLOWED: there is no matrix-spec beside the project")
    def test_every_link_resolves(self) -> None:
        """The page is there, and has that heading, event, endpoint or definition."""
        wrong = [
            f"{source.path}: {page}#{anchor}"
            for source in sources()
            for page, anchor in LINK.findall(source.text)
            if anchor not in anchors_of(page)
        ]

        self.assertEqual([], wrong)

    def test_links_are_found(self) -> None:
        """Several on one line as well."""
        text = "Spec: rooms/v2#algorithm and rooms/v12#algorithm, rule 3"

        self.assertEqual([("rooms/v2", "algorithm"), ("rooms/v12", "algorithm")], LINK.findall(text))


@cache
def anchors_of(page: str) -> frozenset[str]:
    """Everything on a page that a link can name; nothing when there is no such page."""
    files = [SPEC / "content" / f"{page}.md", SPEC / "content" / page / "_index.md"]
    text = next((_included(file) for file in files if file.is_file()), "")
    counts: Counter[str] = Counter()
    explicit = set()
    for heading in HEADING.finditer(text):
        if heading[2] is not None:
            explicit.add(heading[2])
        else:
            counts[_slug(heading[1])] += 1
    counts.update(_generated(text))
    # The second of two equal headings is told apart by a number.
    numbered = {f"{slug}-{number}" for slug, count in counts.items() for number in range(1, count)}
    given = {id_ for pair in ANCHOR.findall(text) for id_ in pair if id_}
    return frozenset(counts.keys() | numbered | explicit | given)


def _included(file: Path) -> str:
    """The text of a page with the parts that it is made of."""

    def part(match: "re.Match[str]") -> str:
        options = dict(OPTION.findall(match[2]))
        if match[1] == "cs-module":
            return _included(SPEC / "content" / "client-server-api" / "modules" / f"{options['filename']}.md")
        if match[1] == "rver-fragment":
            return _included(SPEC / "content" / "rooms" / "fragments" / f"{options['name']}.md")
        return match[0]

    return SHORTCODE.sub(part, file.read_text())


def _generated(text: str) -> Iterator[str]:
    """The anchors of events, endpoints and definitions, whose headings are made from data."""
    for code, options in SHORTCODE.findall(text):
        values = dict(OPTION.findall(options))
        if code == "event":
            yield _slug(values["event"])
        elif code == "event-group":
            group = values["group_name"]
            yield from (_slug(path.stem) for path in (SPEC / "data/event-schemas/schema").glob(f"{group}*.yaml"))
        elif code == "http-api":
            yield from _endpoints(SPEC / "data" / "api" / values["spec"] / f"{values['api']}.yaml")
        elif code == "definition":
            yield f"definition-{_slug(_title(SPEC / 'data' / (values['path'] + '.yaml')))}"


def _endpoints(file: Path) -> Iterator[str]:
    document = _document(file)
    prefix = document["servers"][0]["variables"]["basePath"]["default"]
    for path, item in document["paths"].items():
        for method in item:
            yield _slug(f"{method}{prefix}{path}".strip())


def _title(file: Path) -> str:
    return str(_document(file).get("title", file.stem)) if file.is_file() else file.stem


@cache
def _document(file: Path) -> Any:
    return yaml.load(file.read_text(), yaml.CSafeLoader)


def _slug(heading: str) -> str:
    """As the site of the specification makes them: lower case, only letters, digits, hyphens and underscores."""
    text = re.sub(r"\{\{.*?\}\}|<[^>]+>", "", heading)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).strip().lower()
    return re.sub(r"[^\w-]", "", text.replace(" ", "-"))
