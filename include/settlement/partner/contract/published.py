"""The published slice of the partner API, read from its file of facts."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("published.toml")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact stands, and when that was read."""

    what: str
    read: date


@dataclass(frozen=True, slots=True)
class Route:
    """One route: its path below the enterprise, and the object that its answer is."""

    method: str
    version: str
    path: str
    answer: str
    source: Source


@dataclass(frozen=True, slots=True)
class Enum:
    """The values that are published for a field."""

    values: frozenset[str]
    source: Source


@dataclass(frozen=True, slots=True)
class FieldFact:
    """What is published of a field: its type, in the words of the file, and whether it must be."""

    type: str
    required: bool
    nullable: bool
    source: Source


@dataclass(frozen=True, slots=True)
class Published:
    """All facts: routes, enums, and the fields of each object by its name."""

    routes: Mapping[str, Route]
    enums: Mapping[str, Enum]
    objects: Mapping[str, Mapping[str, FieldFact]]


@lru_cache(maxsize=1)
def published() -> Published:
    """The facts of the file."""
    facts = tomllib.loads(FILE.read_text(encoding="utf-8"))
    sources = {name: Source(**each) for name, each in facts["sources"].items()}

    def sourced(table: dict[str, Any]) -> dict[str, tuple[dict[str, Any], Source]]:
        default = table["source"]
        return {
            name: (fact, sources[fact.get("source", default)])
            for name, fact in table.items()
            if name != "source"
        }

    return Published(
        routes={
            name: Route(fact["method"], fact["version"], fact["path"], fact["answer"], source)
            for name, (fact, source) in sourced(facts["routes"]).items()
        },
        enums={
            name: Enum(frozenset(fact["values"]), source)
            for name, (fact, source) in sourced(facts["enums"]).items()
        },
        objects={
            name: {
                field: FieldFact(
                    fact["type"],
                    bool(fact.get("required")),
                    bool(fact.get("nullable")),
                    source,
                )
                for field, (fact, source) in sourced(table).items()
            }
            for name, table in facts["objects"].items()
        },
    )
