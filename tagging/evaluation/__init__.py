"""Measuring the language layer on labelled lines. Nothing here is used when the service runs."""
