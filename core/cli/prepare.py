"""`python -m core prepare`."""

from __future__ import annotations

from core.cli.arguments import Commands


def add_to(commands: Commands) -> None:
    """Add the command."""
    commands.add_parser("prepare")
