"""Replay or search: `python -m simulation --seed 17 --days 10 --worlds 100`."""

from __future__ import annotations

import argparse
import sys
import time

from simulation.databases import Databases, own_server
from simulation.promises import PromiseBroken
from simulation.story import Story


def main() -> int:
    """Play the worlds of consecutive seeds; 1 if a promise was broken."""
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--worlds", type=int, default=1, help="how many seeds")
    parser.add_argument("--days", type=int, default=10, help="business days of each world")
    parser.add_argument("--trace", action="store_true", help="show what happened in any case")
    arguments = parser.parse_args()
    broken = 0
    started = time.monotonic()
    with own_server() as server:
        databases = Databases(server)
        databases.prepare()
        for seed in range(arguments.seed, arguments.seed + arguments.worlds):
            broken += not _play(databases, seed, arguments.days, show=arguments.trace)
        databases.close()
    days = arguments.worlds * arguments.days
    sys.stdout.write(
        f"{days} days in {time.monotonic() - started:.0f} s, {broken} worlds broke a promise\n"
    )
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
