"""Speech recognition: a port, and adapters behind it."""
