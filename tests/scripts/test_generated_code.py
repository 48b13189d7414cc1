"""Tests of scripts/generated_code.py."""

import marshal
import subprocess
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import TestCase

from scripts.generated_code import GeneratedCode

SOURCE = "def double(number):\n    return 2 * number"


CLASS = """
import sys, pathlib
import attrs, attr._make
from scripts.generated_code import GeneratedCode

code = GeneratedCode(pathlib.Path(sys.argv[1]))
code.load()
attr._make.compile = code.compile

@attrs.frozen
class Place:
    x: int

@attrs.frozen
class Size:
    x: int

assert hash(Place(1)) == hash(Place(1)) != hash(Size(1))
print(code.compiled)
code.keep()
"""


def double_of(code: GeneratedCode, number: int, source: str = SOURCE) -> int:
    """What the function of *source* answers, compiled by *code*."""
    names: dict[str, object] = {}
    exec(code.compile(source, "<generated>", "exec"), names)
    return names["double"](number)  # type: ignore[no-any-return, operator]


class GeneratedCodeTests(TestCase):
    """What is kept is what would be compiled."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(TemporaryDirectory()))
        self.file = self.folder / "__pycache__" / "code.generated"

    def started(self) -> GeneratedCode:
        """As at the beginning of a start."""
        code = GeneratedCode(self.file)
        code.load()
        return code

    def kept(self) -> None:
        """A start came before, and compiled SOURCE."""
        code = self.started()
        double_of(code, 1)
        code.keep()

    def test_the_next_start_compiles_nothing(self) -> None:
        """What one start compiled, the next one finds: the file is not even written again."""
        self.kept()
        self.file.chmod(0o444)
        before = self.file.stat()
        code = self.started()

        self.assertEqual(42, double_of(code, 21))
        code.keep()
        self.assertEqual(before.st_ino, self.file.stat().st_ino)

    def test_another_source_is_compiled(self) -> None:
        """Code is found by its whole source, and what nobody asked for is not kept on."""
        self.kept()
        size = self.file.stat().st_size
        code = self.started()

        self.assertEqual(63, double_of(code, 21, SOURCE.replace("2", "3")))
        code.keep()
        self.assertEqual(size, self.file.stat().st_size)
        self.assertEqual(63, double_of(self.started(), 21, SOURCE.replace("2", "3")))

    def test_the_name_of_the_file_counts(self) -> None:
        """Tracebacks name the class whose method it is, however alike two are."""
        self.kept()
        code = self.started().compile(SOURCE, "<other>", "exec")

        self.assertEqual("<other>", code.co_filename)

    def test_what_is_asked_for_twice_is_found_twice(self) -> None:
        """The same source of two functions is compiled by no later start."""
        self.kept()
        code = self.started()
        for _ in range(2):
            self.assertEqual(42, double_of(code, 21))

        self.assertEqual(0, code.compiled)

    def test_what_cannot_be_read_is_compiled(self) -> None:
        """A file that is cut off, of another Python, or of something else does no harm, and is replaced."""
        self.kept()
        good = self.file.read_bytes()
        for content in (b"", good[:-10], b"\0\0\r\n" + good[4:], MAGIC_NUMBER + b"?", MAGIC_NUMBER + marshal.dumps(3)):
            with self.subTest(content=content[:8]):
                self.file.write_bytes(content)
                code = self.started()

                self.assertEqual(42, double_of(code, 21))
                code.keep()
                self.assertEqual(good, self.file.read_bytes())

    def test_where_nothing_can_be_written_nothing_is(self) -> None:
        """A server that may not write beside its code starts all the same."""
        (self.folder / "__pycache__").write_text("not a folder")
        code = self.started()

        self.assertEqual(42, double_of(code, 21))
        code.keep()
        self.assertEqual("not a folder", (self.folder / "__pycache__").read_text())

    def test_classes_of_attrs_are_the_same_in_all_processes(self) -> None:
        """What attrs writes for a class does not hang on how this process hashes texts."""
        missed = [
            subprocess.run(
                [sys.executable, "-c", CLASS, str(self.file)],
                env={"PYTHONHASHSEED": seed},
                capture_output=True,
                text=True,
                check=True,
            ).stdout.strip()
            for seed in ("1", "2")
        ]

        self.assertEqual(["2", "0"], missed)
