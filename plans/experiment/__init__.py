"""Trying send hours and wordings against each other, and choosing among them by what has worked. Never anything clinical."""
