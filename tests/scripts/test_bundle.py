"""Tests of scripts/bundle.py."""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import CodeType, ModuleType
from unittest import TestCase

from homeserver.http.admin import server
from homeserver.http.client import devices
from scripts.bundle import Bundle

PACKAGE = '"""Said of the package."""\n'
MODULE = '''
"""Said of the module."""
from __future__ import annotations

class Place:
    """Said of the class."""

    def meet(self):
        """Said of the method."""
        assert self is not None, "kept"
        return "met"

def empty():
    """Said of what is only said."""
'''


def texts(code: CodeType) -> set[str]:
    """All that is said in a module, or in what it defines."""
    found = {each for each in code.co_consts if isinstance(each, str)}
    return found.union(*(texts(each) for each in code.co_consts if isinstance(each, CodeType)))


class BundleTests(TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.file = self.folder / "bundle.modules"
        package = self.folder / "folkmoot_bundled"
        package.mkdir()
        (package / "__init__.py").write_text(PACKAGE)
        self.source = package / "place.py"
        self.source.write_text(MODULE)
        sys.path.append(str(self.folder))
        self.addCleanup(sys.path.remove, str(self.folder))

    def imported(self) -> list[ModuleType]:
        """The package and its module, imported anew."""
        for name in ("folkmoot_bundled", "folkmoot_bundled.place"):
            sys.modules.pop(name, None)
            self.addCleanup(sys.modules.pop, name, None)
        importlib.invalidate_caches()
        importlib.import_module("folkmoot_bundled.place")
        return [sys.modules["folkmoot_bundled"], sys.modules["folkmoot_bundled.place"]]

    @contextmanager
    def opened(self) -> Iterator[None]:
        """What the file holds is found in it."""
        bundle = Bundle(self.file)
        bundle.open()
        try:
            yield
        finally:
            bundle.close()
            self.assertNotIn(bundle, sys.meta_path)

    def is_bundled(self) -> bool:
        with self.opened():
            return self.imported()[1].__doc__ is None

    def test_modules_come_from_the_file_without_what_is_said_of_them(self) -> None:
        """They do the same, are found where their sources are, and hold their assertions."""
        as_ever = self.imported()
        Bundle(self.file).write(as_ever)
        with self.opened():
            package, module = self.imported()

        self.assertEqual([each.__file__ for each in as_ever], [package.__file__, module.__file__])
        self.assertEqual([each.__cached__ for each in as_ever], [package.__cached__, module.__cached__])
        self.assertEqual(as_ever[0].__path__, package.__path__)
        self.assertEqual("met", module.Place().meet())
        with self.assertRaisesRegex(AssertionError, "kept"):
            module.Place.meet(None)
        said = (package, module, module.Place, module.Place.meet, module.empty)
        self.assertEqual([None] * 5, [each.__doc__ for each in said])
        assert module.__spec__ is not None
        assert module.__spec__.loader is not None
        self.assertEqual(MODULE, module.__spec__.loader.get_source(module.__name__))  # type: ignore[attr-defined]

    def test_what_the_server_tells_of_itself_is_kept(self) -> None:
        """The description of the administrators' API has what its methods say, and what any of our classes does."""
        modules = {server: server.ServerEndpoints.show_version, devices: devices.DeviceEndpoints.list_devices}
        Bundle(self.file).write(modules)
        bundle = Bundle(self.file)
        bundle.open()
        self.addCleanup(bundle.close)
        for module, method in modules.items():
            class_ = getattr(module, method.__qualname__.partition(".")[0])
            spec = bundle.find_spec(module.__name__, None)
            assert spec is not None
            said = texts(spec.loader.get_code(module.__name__))  # type: ignore[union-attr]

            self.assertIn(class_.__doc__, said)
            self.assertEqual(module is server, method.__doc__ in said)

    def test_what_has_changed_since_is_imported_as_it_is(self) -> None:
        """A source that has another size or another time is read again, and one that is gone is gone."""
        Bundle(self.file).write(self.imported())
        self.assertTrue(self.is_bundled())
        status = self.source.stat()
        for modified, text in ((status.st_mtime_ns + 1, MODULE), (status.st_mtime_ns, MODULE + "\n")):
            with self.subTest(modified=modified):
                self.source.write_text(text)
                os.utime(self.source, ns=(modified, modified))

                self.assertFalse(self.is_bundled())
        self.source.unlink()
        with self.opened(), self.assertRaises(ModuleNotFoundError):
            self.imported()

    def test_a_file_that_cannot_be_used_is_as_none(self) -> None:
        """Missing, empty, cut short, or written where modules were imported from elsewhere."""
        self.assertFalse(self.is_bundled())
        Bundle(self.file).write(self.imported())
        whole = self.file.read_bytes()
        for content in (b"", b"\xff" * 50, whole[:50]):
            with self.subTest(content=content):
                self.file.write_bytes(content)

                self.assertFalse(self.is_bundled())
        self.file.write_bytes(whole)
        self.assertTrue(self.is_bundled())
        sys.path.insert(1, "/elsewhere")
        self.addCleanup(sys.path.remove, "/elsewhere")

        self.assertFalse(self.is_bundled())
