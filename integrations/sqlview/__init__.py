"""A view of a hospital's database, read again and again by the time of its rows' last change."""
