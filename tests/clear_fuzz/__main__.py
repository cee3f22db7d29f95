"""Play one story: `python -m clear_fuzz --minutes 30 --seed 1`."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from clear_fuzz.books import NotEqual
from clear_fuzz.site import running_site
from clear_fuzz.story import SCHEDULED_DAYS, Story
from settlement.ledger.install.embedded import home

DAYS = 10 + SCHEDULED_DAYS
"""Ten are backfilled."""


def main() -> int:
    """Act for so many minutes, put all right, compare; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="clear_fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long actions go on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=int, default=DAYS, help="business dates")
    arguments = parser.parse_args()
    log = home() / "clear_fuzz" / f"seed-{arguments.seed}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f"{' '.join(sys.argv[1:])}\n")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # through `finally`: nothing is left
    console = Console(highlight=False)
    console.print(f"Every action is written to {log}")
    folder = Path(tempfile.mkdtemp(prefix="fuzz"))
    with running_site(folder, arguments.seed, arguments.days) as site:
        story = Story(site, log)
        try:
            story.play(arguments.minutes * 60)
        except NotEqual as broken:
            console.print(f"{broken}\nseed {arguments.seed}; {folder} is kept", markup=False)
            return 1
        table = Table("what", "number", title=f"seed {arguments.seed}")
        for what, number in story.rows():
            table.add_row(what, f"{number:,}")
        console.print(table)
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
