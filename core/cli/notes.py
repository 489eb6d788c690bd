"""What people should know of a result, on stderr."""

from __future__ import annotations

import sys


def note(text: str) -> None:
    """Say one thing."""
    print(f"note: {text}", file=sys.stderr)


def note_people(there: int, person: int) -> None:
    """Say which of several people is taken."""
    note(f"{there} people are in it; this is number {person} (--person)")
