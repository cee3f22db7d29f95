"""A failing world can be replayed, and says what happened."""

from __future__ import annotations

import secrets

import pytest

from simulation.broken import PromiseBroken
from simulation.databases import Databases
from simulation.story import Story


def test_a_world_is_the_same_every_time(databases: Databases) -> None:
    """The same seed tells the same story, whatever was played before it."""
    stories = []
    for seed in (4, 9, 4):
        story = Story(databases, seed, 3)
        story.play()
        stories.append(story.world.trace)
    assert stories[0] == stories[2]
    assert stories[0] != stories[1]


def test_a_broken_promise_says_what_happened_and_how_to_replay_it(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a nonce by chance, a new ledger does not know its own requests, and is found out."""
    monkeypatch.setattr("settlement.ledger.slots.nonce_of", lambda *_: secrets.token_hex(32))
    with pytest.raises(PromiseBroken) as found:
        _play_many(databases)
    text = str(found.value)
    assert "What happened (seed " in text
    assert "python -m simulation --seed " in text


def _play_many(databases: Databases) -> None:
    for seed in range(1, 100):
        Story(databases, seed, 5).play()
