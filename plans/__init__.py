"""Plan templates, enrolment, follow-ups, and the content that families read; no web, no platform, no dialogue engine."""
