"""The edge in the DMZ and the line that the inner side dials to it. Light: no database, no model, nothing of a patient."""
