"""Break the code on purpose and see who notices: `python -m mutation`, or `make mutation-check`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from mutation.breaks import BREAKS
from mutation.definition import Break, StaleBreakError
from mutation.page import Finding, read_findings, write_page
from mutation.trial import TrialError, copy_of

PROJECT = Path(__file__).resolve().parents[2]
DAYS = 300


def main() -> int:
    """Try the breaks; 1 if one was not found, or the code as it is was found broken."""
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="this break; repeatable")
    parser.add_argument("--days", type=int, default=DAYS, help="most days of the simulation")
    parser.add_argument("--part", choices=["simulation", "tests"], help="only this one of the two")
    parser.add_argument("--at-once", type=int, default=1, help="trials at the same time")
    check = _Check(parser.parse_args())
    try:
        return check.run()
    except (TrialError, StaleBreakError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


class _Check:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._console = Console()
        self._findings = read_findings(PROJECT)

    def run(self) -> int:
        chosen = self._chosen()
        if not self._arguments.only and not self._control_is_clean():
            return 1
        with ThreadPoolExecutor(self._arguments.at_once) as pool:
            for number, (each, finding) in enumerate(
                zip(chosen, pool.map(self._try, chosen), strict=True), start=1
            ):
                self._findings[each.name] = finding
                write_page(PROJECT, self._findings)
                self._tell(f"{number}/{len(chosen)} {each.name}", finding)
        return self._judge(chosen)

    def _chosen(self) -> list[Break]:
        wanted = self._arguments.only
        unknown = set(wanted or ()) - {each.name for each in BREAKS}
        if unknown:
            raise TrialError(f"there is no break {', '.join(sorted(unknown))}")
        return [each for each in BREAKS if not wanted or each.name in wanted]

    def _control_is_clean(self) -> bool:
        """The code as it is goes through the same steps: what they find in it, they always find."""
        finding = self._try(None)
        self._tell("the code as it is", finding)
        return not finding.found

    def _try(self, broken: Break | None) -> Finding:
        part = self._arguments.part
        before = self._findings.get(broken.name, Finding()) if broken else Finding()
        finding = before
        with copy_of(PROJECT, broken) as copy:
            if part != "tests":
                finding = replace(finding, simulation=copy.run_simulation(self._arguments.days))
            if part != "simulation":
                finding = replace(finding, tests=copy.run_tests(before.test_file))
        return finding

    def _tell(self, what: str, finding: Finding) -> None:
        mark = "found" if finding.found else "not found"
        self._console.print(
            f"{what}: {mark} (simulation: {finding.simulation}; tests: {finding.tests})",
            markup=False,
            soft_wrap=True,
        )

    def _judge(self, chosen: Iterable[Break]) -> int:
        missed = [each.name for each in chosen if not self._findings[each.name].found]
        if missed:
            self._console.print(
                f"Nothing finds {', '.join(missed)}: a test is missing", style="red"
            )
            return 1
        self._console.print("Every break was found", style="green")
        return 0


if __name__ == "__main__":
    sys.exit(main())
