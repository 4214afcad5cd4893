"""The running service: command line, composition, the road of a message, delivery, escalation, jobs."""
