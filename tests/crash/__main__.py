"""Play the whole matrix and write docs/crash-matrix.md: `make crash-matrix`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from crash.matrix import play
from crash.page import PAGE, text_of


def main() -> None:
    """Play, then write."""
    parser = argparse.ArgumentParser(prog="crash", description=__doc__)
    parser.add_argument("--benches", type=int, default=3, help="cells that are played at once")
    benches: int = parser.parse_args().benches
    started = time.monotonic()

    def report(how_far: str) -> None:
        sys.stderr.write(f"\r{how_far}, {time.monotonic() - started:.0f} s ")

    with tempfile.TemporaryDirectory(prefix="crash") as folder:
        PAGE.write_text(text_of(play(Path(folder), benches, report)))
    sys.stderr.write(f"\n{PAGE} is written\n")


if __name__ == "__main__":
    main()
