"""
The reference of all settings, as a sample file: each with its documentation and its default.

What a setting means is written where it is defined, as the string below the attribute.
"""

import textwrap
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import yaml

from conf.settings import Settings
from homeserver.core.documentation import documentation_of

_WIDTH = 110

__all__ = ["documentation_of", "render_reference", "sections"]


def sections() -> Iterator[type]:
    """Settings, and every class of settings below it."""
    pending: list[type] = [Settings]
    while pending:
        class_ = pending.pop(0)
        yield class_
        pending.extend(
            inner for attribute in attrs.fields(class_) if (inner := _section_of(attribute.type)) is not None
        )


def render_reference() -> str:
    """The sample file, which itself is accepted and says nothing but defaults."""
    intro = textwrap.fill("Folkmoot's settings. " + _paragraph(Settings.__doc__), _WIDTH)
    lines = [f"# {line}" for line in intro.splitlines()]
    return "\n".join([*lines, "", *_render(Settings, Settings(), "", apart=True)]) + "\n"


def _render(class_: type, value: Any, indent: str, *, apart: bool = False) -> Iterator[str]:
    """The lines of a section; *value* None: there is none by default, so all of it is a comment."""
    documentation = documentation_of(class_)
    for attribute in attrs.fields(class_):
        key, inner = attribute.name.rstrip("_"), _section_of(attribute.type)
        for line in textwrap.wrap(documentation[attribute.name].replace("``", "`"), _WIDTH - len(indent)):
            yield f"{indent}# {line}"
        default = _default_of(attribute) if value is None else getattr(value, attribute.name)
        if inner is None:
            yield f"{indent}{_entry(key, default, attribute)}"
        elif typing.get_origin(attribute.type) is tuple:
            yield from _render_list(key, inner, () if default is attrs.NOTHING else default, indent)
        elif default is None:
            yield f"{indent}# {key}:"
            yield from (f"{indent}#   {line}" for line in _render(inner, None, ""))
        else:
            yield f"{indent}{key}:"
            yield from _render(inner, default, indent + "  ")
        if apart:
            yield ""


def _render_list(key: str, inner: type, items: tuple[Any, ...], indent: str) -> Iterator[str]:
    mark = indent if items else f"{indent}# "
    yield f"{mark}{key}:"
    for item in items or (None,):
        yield f"{mark}  -"
        yield from (f"{mark}    {line}" for line in _render(inner, item, ""))


def _entry(key: str, default: Any, attribute: "attrs.Attribute[Any]") -> str:
    if default is attrs.NOTHING:
        return f"# {key}:  (required)"
    if default is None:
        return f"# {key}:"
    if isinstance(default, Path):
        default = str(default)
    if isinstance(default, tuple):
        default = list(default)
    text = yaml.safe_dump(default, default_flow_style=True, width=10_000).removesuffix("\n...\n").strip()
    return f"{key}: {text}"


def _default_of(attribute: "attrs.Attribute[Any]") -> Any:
    if isinstance(attribute.default, attrs.Factory):  # type: ignore[arg-type]
        return attribute.default.factory()  # type: ignore[union-attr]
    return attribute.default


def _section_of(annotation: Any) -> type | None:
    """The class of settings that an attribute holds, alone, optionally or as a list; None: it is a plain value."""
    if isinstance(annotation, type) and attrs.has(annotation):
        return annotation
    inner = [each for each in typing.get_args(annotation) if each not in {types.NoneType, Ellipsis}]
    return _section_of(inner[0]) if len(inner) == 1 else None


def _paragraph(text: str | None) -> str:
    return " ".join((text or "").replace("``", "`").split())
