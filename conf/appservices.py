"""
Registration files of application services become values: what is wrong is named by file and key, all of it at once.

Spec: application-service-api#registration
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from conf.reading import SettingsError
from homeserver.core.appservices.registration import Registration, find_clash, parse_registration
from homeserver.core.identifiers import ServerName
from homeserver.core.malformed import Malformed

FILE_BYTES_MAX = 1 << 20


def read_registrations(files: Sequence[Path], server: ServerName) -> tuple[Registration, ...]:
    """The application services that the files describe.  Raises SettingsError."""
    problems: list[str] = []
    found: dict[Path, Registration] = {}
    for file in files:
        try:
            if file in found:
                raise SettingsError([f"appservices: {file} is named twice."])
            found[file] = parse_registration(_tree(file), server)
        except Malformed as error:
            where = f"{file}: {error.path}" if error.path else f"{file}"
            problems.append(f"{where}: {error.reason}.")
        except SettingsError as error:
            problems.extend(error.problems)
    clash = find_clash(found.values())
    if clash is not None:
        one, other = (next(file for file, each in found.items() if each is side) for side in clash[:2])
        problems.append(f"{other}: {clash[2]}: {one} has the same; each application service needs its own.")
    if problems:
        raise SettingsError(problems)
    return tuple(found.values())


def _tree(file: Path) -> Any:
    """Raises SettingsError."""
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise SettingsError([f"{file} is too large for a registration file."])
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"{file} cannot be read: {error.strerror}."]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([f"{file} is not in UTF-8."]) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise SettingsError([f"{file}{place} is not YAML: {getattr(error, 'problem', None) or error}."]) from error
