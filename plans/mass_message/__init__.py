"""One message to many families: written, checked, approved, sent in batches, accounted for family by family."""
