"""Play worlds one after the other: `python -m simulation --seed 17 --days 5` replays seed 17."""

from __future__ import annotations

import argparse
import sys
import time

from simulation.broken import PromiseBroken
from simulation.databases import DATABASE, Databases, own_server
from simulation.kinds import PartnerKind
from simulation.story import Story
from simulation.worlds import DAYS_OF_A_WORLD


def main() -> int:
    """Play worlds of consecutive seeds until so many days are lived; 1 if a promise is broken."""
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--days", type=int, default=DAYS_OF_A_WORLD, help="business days in all")
    parser.add_argument("--trace", action="store_true", help="show what happened in any case")
    parser.add_argument("--kind", type=PartnerKind, choices=list(PartnerKind), default="direct")
    arguments = parser.parse_args()
    started, lived = time.monotonic(), 0
    with own_server() as server:
        databases = Databases(server.url(DATABASE))
        databases.prepare()
        for number, start in enumerate(range(0, arguments.days, DAYS_OF_A_WORLD)):
            days = min(DAYS_OF_A_WORLD, arguments.days - start)
            story = Story(databases, arguments.seed + number, days, arguments.kind)
            broken = _broken_in(story)
            lived += story.days_lived
            if broken is not None:
                sys.stderr.write(f"{broken}\n")
                sys.stdout.write(f"seed {story.seed} broke a promise after {lived} days\n")
                return 1
            if arguments.trace:
                sys.stdout.write("\n".join([*story.world.trace, ""]))
        databases.close()
    spent = time.monotonic() - started
    sys.stdout.write(f"{lived} days in {spent:.0f} s, every promise held\n")
    return 0


def _broken_in(story: Story) -> PromiseBroken | None:
    try:
        story.play()
    except PromiseBroken as broken:
        return broken
    return None


if __name__ == "__main__":
    sys.exit(main())
