"""The hospital's mini program (小程序)."""
