"""FHIR R4: resources in (tolerant), resources out (strict), and a client of other servers."""
