"""Rows of a database view or a table, read as events by a mapping that the hospital writes."""
