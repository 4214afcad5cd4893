"""Groups of patients by what holds of them: a small language for clinicians, and its answers in SQL and on one patient."""
