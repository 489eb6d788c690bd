"""Shared parts of the pages: whatever more than one page shows."""
