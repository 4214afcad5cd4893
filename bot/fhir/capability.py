"""What this server can do: CapabilityStatement, and SMART's configuration."""

from typing import Any

from bot.fhir.kinds import kinds
from integrations.fhir.read import READERS
from integrations.fhir.write import TERMINOLOGY, Json, coding, concept

# The day on which this description was last changed (CapabilityStatement.date).
DATE = "2026-11-30"


def capability(base: str) -> Json:
    """The CapabilityStatement of the server at `base`."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": {"name": "CareLoop"},
        "implementation": {"description": "CareLoop", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "security": {
                    "service": [concept(coding(f"{TERMINOLOGY}/restful-security-service", "SMART-on-FHIR"))],
                    "extension": [
                        {
                            "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                            "extension": [{"url": "token", "valueUri": f"{base}/token"}],
                        }
                    ],
                },
                "resource": [_resource(kind) for kind in sorted({*kinds(), *READERS})],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }


def _resource(name: str) -> Json:
    kind = kinds().get(name)
    reading = ["read", "search-type"] if kind is not None else []
    writing = ["create", "update"] if name in READERS else []
    told: dict[str, Any] = {"type": name, "interaction": [{"code": code} for code in (*reading, *writing)]}
    if kind is not None:
        told["searchParam"] = [{"name": parameter, "type": kind.parameters[parameter]} for parameter in sorted(kind.parameters)]
    if writing:
        told["updateCreate"] = True
    if name == "Patient":
        definition = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
        told["operation"] = [{"name": "everything", "definition": definition}]
    return told


def smart_configuration(base: str) -> dict[str, Any]:
    """SMART App Launch's `.well-known/smart-configuration`, for programs that look there."""
    return {
        "token_endpoint": f"{base}/token",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": ["system/*.read", "system/*.write"],
        "capabilities": ["client-confidential-symmetric", "permission-v1"],
    }
