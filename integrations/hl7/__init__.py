"""HL7 v2 as hospitals really send it: bytes become messages, messages become fields or events, and every message gets its answer."""
