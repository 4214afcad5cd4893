"""The content centre: what families are given to read, from a draft to what they made of it (docs/content.md)."""
