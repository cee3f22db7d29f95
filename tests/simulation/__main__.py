"""Replay or search: `python -m simulation --seed 17 --days 10`, in worlds of ten days each."""

from __future__ import annotations

import argparse
import sys
import time

from simulation.databases import Databases, own_server
from simulation.promises import PromiseBroken
from simulation.story import Story

DAYS_OF_A_WORLD = 10


def main() -> int:
    """Play worlds of consecutive seeds until so many days are lived; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--days", type=int, default=DAYS_OF_A_WORLD, help="business days in all")
    parser.add_argument("--trace", action="store_true", help="show what happened in any case")
    arguments = parser.parse_args()
    broken = 0
    started = time.monotonic()
    with own_server() as server:
        databases = Databases(server)
        databases.prepare()
        for number, lived in enumerate(range(0, arguments.days, DAYS_OF_A_WORLD)):
            days = min(DAYS_OF_A_WORLD, arguments.days - lived)
            broken += not _play(databases, arguments.seed + number, days, show=arguments.trace)
        databases.close()
    spent = time.monotonic() - started
    sys.stdout.write(f"{arguments.days} days in {spent:.0f} s, {broken} worlds broke a promise\n")
    return 1 if broken else 0


def _play(databases: Databases, seed: int, days: int, *, show: bool) -> bool:
    story = Story(databases, seed, days)
    try:
        story.play()
    except PromiseBroken as broken:
        sys.stderr.write(f"{broken}\n")
        return False
    if show:
        sys.stdout.write("\n".join([*story.world.trace, ""]))
    return True


if __name__ == "__main__":
    sys.exit(main())
