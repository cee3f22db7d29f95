"""Our notes give back what they prove; nobody else's do."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from settlement.request.instruction import nonce_of
from settlement.request.notes import Proof, notes_of, proof_in_notes
from settlement.values import Line, Window

EXTERNAL_ID = "demo-2026-03-02-1"
LINES = (Line("11111111-1111-4111-8111-111111111111", "BTC", 100),)
DAY = date(2026, 3, 2)
WINDOW = Window(datetime(2026, 3, 1, 22, tzinfo=UTC), datetime(2026, 3, 2, 22, tzinfo=UTC))
NONCE = nonce_of(EXTERNAL_ID, LINES, None, WINDOW)
NOTES = notes_of(DAY, NONCE, WINDOW)


def test_notes_tell_a_reader_the_date_and_the_window() -> None:
    """Whoever looks at the settlement at the partner sees which trades it is for."""
    assert (
        f"Net trading of 2026-03-02 (2026-03-01T22:00:00Z to 2026-03-02T22:00:00Z), {NONCE[:16]}"
    ) == NOTES
    assert notes_of(DAY, NONCE) == f"Net trading of 2026-03-02, {NONCE[:16]}"


def test_notes_give_back_window_and_start_of_the_nonce() -> None:
    """To the microsecond: clocks that skip an hour can end a window anywhere."""
    assert proof_in_notes(NOTES) == Proof(NONCE[:16], WINDOW)
    assert proof_in_notes(notes_of(DAY, NONCE)) == Proof(NONCE[:16], None)
    odd = Window(WINDOW.start, WINDOW.end + timedelta(microseconds=1))
    assert proof_in_notes(notes_of(DAY, NONCE, odd)) == Proof(NONCE[:16], odd)


@pytest.mark.parametrize(
    "notes",
    [
        None,
        "",
        "by hand",
        NOTES + " ",
        NOTES.upper(),
        NOTES[:-1],
        NOTES.replace("2026-03-01T22", "2026-13-01T22"),
        NOTES.replace("2026-03-01T22:00:00Z", "2026-03-02T22:00:00Z"),
        NOTES.replace("22:00:00Z", "22:00:00+00:00"),
    ],
)
def test_other_notes_prove_nothing(notes: str | None) -> None:
    """Not even nearly ours, or with a window that is none."""
    assert proof_in_notes(notes) is None


def test_notes_prove_one_slot_its_amounts_and_its_window() -> None:
    """Copied onto anything else, or with another window written in, they prove nothing."""
    proof = proof_in_notes(NOTES)
    assert proof is not None
    assert proof.proves(EXTERNAL_ID, LINES)
    assert not proof.proves("demo-2026-03-02-2", LINES)
    assert not proof.proves(EXTERNAL_ID, [LINES[0]._replace(amount=101)])
    assert not proof.proves(EXTERNAL_ID, LINES, WINDOW.end)
    forged = proof_in_notes(NOTES.replace("2026-03-02T22:00:00Z", "2026-03-02T21:00:00Z"))
    assert forged is not None
    assert not forged.proves(EXTERNAL_ID, LINES)
