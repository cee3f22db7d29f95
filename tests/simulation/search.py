"""Search for a world that breaks a promise, on all cores: `make simulate DAYS=2000 SEED=1`."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from sqlalchemy import URL, make_url

from simulation.broken import PromiseBroken
from simulation.code_version import code_version
from simulation.databases import DATABASE, Databases, own_server
from simulation.kinds import PartnerKind
from simulation.story import Story
from simulation.tally import Tally
from simulation.worlds import DAYS_OF_A_WORLD


class Lived(NamedTuple):
    """How a world ended; `broken` is the trace of one that broke a promise."""

    seed: int
    days: int
    accidents: dict[str, int]
    broken: str | None


class _Process:
    """What a process of the search keeps between worlds."""

    databases: Databases


def main() -> int:
    """Live through worlds of consecutive seeds that have not passed yet; 1 at a broken promise."""
    parser = argparse.ArgumentParser(prog="simulation.search", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--days", type=int, default=100, help="business days in all")
    parser.add_argument("--kind", type=PartnerKind, choices=list(PartnerKind), default="direct")
    arguments = parser.parse_args()
    kind: PartnerKind = arguments.kind
    code = code_version()
    tally = Tally(code, kind)
    worlds = -(-arguments.days // DAYS_OF_A_WORLD)
    seeds = range(arguments.seed, arguments.seed + worlds)
    console = Console()
    to_live = [seed for seed in seeds if seed not in tally.passed]
    broken = _search(to_live, kind, tally, len(seeds))
    if broken is not None:
        sys.stderr.write(f"{broken.broken}\n")
        console.print(f"Seed {broken.seed} broke a promise", style="red")
        return 1
    _show(console, tally, f"{kind} partner, code {code}")
    return 0


def _search(seeds: list[int], kind: PartnerKind, tally: Tally, worlds: int) -> Lived | None:
    """The first world that broke a promise, or None; what passes goes into the tally."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("worlds"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress, _processes() as pool:
        task = progress.add_task("Simulating", total=worlds, completed=worlds - len(seeds))
        for lived in _lived(pool, kind, iter(seeds)):
            if lived.broken is not None:
                return lived
            tally.world_passed(lived.seed, lived.days, lived.accidents)
            progress.advance(task)
    return None


@contextmanager
def _processes() -> Iterator[ProcessPoolExecutor]:
    """One process for each core, each with a database of its own on one server."""
    cores = len(os.sched_getaffinity(0))
    context = multiprocessing.get_context("spawn")
    urls = context.SimpleQueue()
    with own_server() as server:
        for number in range(cores):
            url = server.url(f"{DATABASE}_{number}")
            urls.put(url.render_as_string(hide_password=False))
        pool = ProcessPoolExecutor(cores, context, initializer=_begin, initargs=(urls,))
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


def _lived(pool: ProcessPoolExecutor, kind: PartnerKind, seeds: Iterator[int]) -> Iterator[Lived]:
    """Worlds as they end, a few under way at a time."""
    under_way: set[Future[Lived]] = set()
    while True:
        for seed in seeds:
            under_way.add(pool.submit(_live, seed, kind))
            if len(under_way) >= 2 * len(os.sched_getaffinity(0)):
                break
        if not under_way:
            return
        ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        for future in ended:
            yield future.result()


def _begin(urls: multiprocessing.SimpleQueue[str]) -> None:
    url: URL = make_url(urls.get())
    _Process.databases = Databases(url)
    _Process.databases.prepare()


def _live(seed: int, kind: PartnerKind) -> Lived:
    story = Story(_Process.databases, seed, DAYS_OF_A_WORLD, kind)
    broken = None
    try:
        story.play()
    except PromiseBroken as found:
        broken = str(found)
    return Lived(seed, story.days_lived, dict(story.world.accidents), broken)


def _show(console: Console, tally: Tally, what: str) -> None:
    days = sum(tally.passed.values())
    table = Table(title=f"{days} days in {len(tally.passed)} worlds, {what}: promises held")
    table.add_column("accident")
    table.add_column("times", justify="right")
    for accident, times in tally.accidents.most_common():
        table.add_row(accident, f"{times:,}")
    console.print(table)
    console.print(f"Tally: {tally.path}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
