"""The family's own pages at /h5, opened from the chat on a phone."""
