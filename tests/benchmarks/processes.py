"""Measuring in a process of its own, so that nothing is left over from what ran before."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


def in_a_process(
    work: Callable[Given, Result], *given: Given.args, **named: Given.kwargs
) -> Result:
    """Call `work` in a new process; what it returns."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *given, **named).result()
