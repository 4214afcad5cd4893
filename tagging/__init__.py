"""Clinical language and triage: pure functions over text, values and editable tables; no model, network or database."""
