"""A second reader above the rules: it reads a message after them, and may raise its level, never lower it."""

from tagging.second.opinion import Opinion, SecondReader

__all__ = ["Opinion", "SecondReader"]
