"""What may happen next: models that learn from the hospital's own records, tell why, and are watched."""
