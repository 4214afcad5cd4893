"""The FHIR edge of the web role: what other systems may read, and what they send."""
