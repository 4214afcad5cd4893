"""The pages of one patient, and finding him."""
