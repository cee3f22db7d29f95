"""One trial: a copy of the tree, the break, and whether anything finds it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mutation.definition import Break
from mutation.page import NOT_FOUND

COPIED = ("include", "plugins", "tests", "dags", "docs", "README.md", "Makefile", "pyproject.toml")
ON_THE_PATH = ("include", "include/sandbox", "plugins", "tests")
PACKAGES = ("settlement", "partner_sandbox", "settlement_airflow", "simulation", "support")
FAST_TESTS = ("tests/domain", "tests/ledger", "tests/flow", "tests/warehouse")
OUTPUTS = Path(".local") / "mutation"
LONGEST_S = 3600
TIME_TO_CLEAN_UP_S = 60
SHOWN_LINES = 20

WHERE_FROM = """
import importlib.util, sys
for name in sys.argv[1:]:
    print(importlib.util.find_spec(name).origin)
"""
FAILED_TEST = re.compile(r"^(?:FAILED|ERROR) ([^\[\s]+)", re.MULTILINE)
"""The parameters of a test are left out: they may hold anything."""
DAYS_LIVED = re.compile(r"broke a promise after (\d+) days")


class TrialError(Exception):
    """A step could not be run at all: its result would mean nothing."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ended, or was ended because it took too long."""

    code: int
    output: str
    too_long: bool = False


class Copy:
    """A copy of the project that commands run in, with nothing of the original on the path."""

    def __init__(self, root: Path, outputs: Path) -> None:
        self.root = root
        self._outputs = outputs

    def run_simulation(self, days: int) -> str:
        """Play the simulation from seed 1; what it found, in the words of the table."""
        ended = self._run("-m", "simulation", "--seed", "1", "--days", str(days))
        self._keep("simulation", ended)
        if ended.too_long:
            return "never ends"
        lived = DAYS_LIVED.search(ended.output)
        if ended.code == 0:
            return f"{NOT_FOUND} in {days} days"
        if lived is None:
            raise _unusable("the simulation", ended)
        count = int(lived[1])
        return f"after {count} day{'s' if count > 1 else ''}"

    def run_tests(self, failed_before: str | None) -> str:
        """Run the fast tests until one fails; its name, in the words of the table.

        :param failed_before: file whose tests go first, since one of them found the break before
        """
        if failed_before is not None and (self.root / failed_before).is_file():
            found = self._run_tests_of([failed_before])
            if found != NOT_FOUND:
                return found
        return self._run_tests_of(FAST_TESTS)

    def _run_tests_of(self, paths: Sequence[str]) -> str:
        ended = self._run("-m", "pytest", *paths, "-x", "-q", "-p", "no:cacheprovider")
        self._keep("tests", ended)
        if ended.too_long:
            return "never ends"
        failed = FAILED_TEST.search(ended.output)
        if ended.code == 0:
            return NOT_FOUND
        if failed is None:
            raise _unusable("pytest", ended)
        return f"`{failed[1]}`"

    def require_own_code(self) -> None:
        """Make sure that the copy's packages are imported, not those of an installed project.

        :raises TrialError: naming one that is not
        """
        ended = self._run("-c", WHERE_FROM, *PACKAGES)
        origins = ended.output.splitlines()
        if ended.code != 0 or len(origins) != len(PACKAGES):
            raise _unusable("python", ended)
        for origin in origins:
            if not Path(origin).is_relative_to(self.root):
                raise TrialError(
                    f"{origin} would be imported, which is not in the copy {self.root}"
                )

    def _keep(self, part: str, ended: Ended) -> None:
        self._outputs.mkdir(parents=True, exist_ok=True)
        (self._outputs / f"{part}.txt").write_text(ended.output, encoding="utf-8")

    def _run(self, *arguments: str) -> Ended:
        environment = {
            **{name: value for name, value in os.environ.items() if "SETTLEMENT" not in name},
            "PYTHONPATH": os.pathsep.join(str(self.root / each) for each in ON_THE_PATH),
            "SETTLEMENT_HOME": str(self.root / ".local"),
        }
        return _ended([sys.executable, *arguments], self.root, environment)


@contextmanager
def copy_of(project: Path, broken: Break | None) -> Iterator[Copy]:
    """Copy the project, break it, and throw it away in the end.

    :raises StaleBreakError: if the break does not fit the code any more
    """
    with tempfile.TemporaryDirectory(prefix="mutation") as folder:
        root = Path(folder).resolve()
        for name in COPIED:
            _copy(project / name, root / name)
        if broken is not None:
            broken.apply(root)
        name = broken.name if broken is not None else "the code as it is"
        copy = Copy(root, project / OUTPUTS / name)
        copy.require_own_code()
        yield copy


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)


def _ended(command: Sequence[str], folder: Path, environment: dict[str, str]) -> Ended:
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            output, _ = process.communicate(timeout=LONGEST_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # so that it stops its databases
            try:
                output, _ = process.communicate(timeout=TIME_TO_CLEAN_UP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                output, _ = process.communicate()
            return Ended(process.returncode, output, too_long=True)
        return Ended(process.returncode, output)


def _unusable(what: str, ended: Ended) -> TrialError:
    last = "\n".join(ended.output.splitlines()[-SHOWN_LINES:])
    return TrialError(f"{what} ended with {ended.code} and says nothing usable:\n{last}")
