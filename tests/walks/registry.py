"""All walks, in the order in which they are played and told."""

from __future__ import annotations

from walks.asked import ASKED
from walks.looking import LOOKING
from walks.refused import REFUSED
from walks.unanswered import UNANSWERED
from walks.walk import Walk
from walks.watched import WATCHED

WALKS: tuple[Walk, ...] = (*UNANSWERED, *ASKED, *REFUSED, *WATCHED, *LOOKING)
