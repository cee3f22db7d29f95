"""No check of the watch is written and left out of the list."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from inspect import getmembers, isfunction, signature

import settlement.watch
from settlement.watch.checks import CHECKS


def finders() -> Iterator[str]:
    """Public functions of the watch that make findings of what was read for one partner."""
    for each in pkgutil.iter_modules(settlement.watch.__path__):
        module = import_module(f"settlement.watch.{each.name}")
        for name, function in getmembers(module, isfunction):
            takes = [each.annotation for each in signature(function).parameters.values()]
            finds = "Finding]" in str(signature(function).return_annotation)
            if takes[:1] == ["WatchContext"] and takes[1:] and finds and not name.startswith("_"):
                yield name


def test_whatever_makes_findings_is_in_the_list_of_checks() -> None:
    """Only so is it called each hour."""
    assert set(finders()) == {each.find.__name__ for each in CHECKS}
