"""Rules that adapt care: when something happens, and something holds, then something is done. As data, explained, and never in a circle."""
