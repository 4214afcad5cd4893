"""How hospital messages come in: stored first, acknowledged then, applied later; and what happens to those that cannot be."""
