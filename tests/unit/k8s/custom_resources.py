"""Schemas of the custom resources that we use, which Kubernetes itself does not know: the fields that we set, no other.

After the API references of CloudNativePG 1.28 (``postgresql.cnpg.io/v1``) and of the Prometheus Operator
(``monitoring.coreos.com/v1``).
"""

from typing import Any, Final

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string", "minLength": 1}
LABELS: Final[Schema] = {"type": "object", "additionalProperties": TEXT}
QUANTITY: Final[Schema] = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(m|Ki|Mi|Gi|Ti)?$"}


def _strict(required: str = "", **fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, "required": required.split(), "additionalProperties": False}


RESOURCES: Final = _strict(
    requests=_strict(cpu=QUANTITY, memory=QUANTITY), limits=_strict(cpu=QUANTITY, memory=QUANTITY)
)
STORAGE: Final = _strict("size", size=QUANTITY, storageClass=TEXT)
METADATA: Final = _strict("name namespace", name=TEXT, namespace=TEXT, labels=LABELS)

CLUSTER: Final = _strict(
    "instances storage",
    instances={"type": "integer", "minimum": 1},
    imageName=TEXT,
    bootstrap=_strict(initdb=_strict("database owner", database=TEXT, owner=TEXT)),
    postgresql=_strict(
        # Values of parameters are texts; a number is refused.
        parameters=LABELS,
        synchronous=_strict(
            "method number",
            method={"enum": ["any", "first"]},
            number={"type": "integer", "minimum": 1},
            dataDurability={"enum": ["required", "preferred"]},
        ),
    ),
    affinity=_strict(topologyKey=TEXT, podAntiAffinityType={"enum": ["preferred", "required"]}),
    resources=RESOURCES,
    storage=STORAGE,
    walStorage=STORAGE,
)
POD_MONITOR: Final = _strict(
    "selector podMetricsEndpoints",
    selector=_strict(matchLabels=LABELS),
    podMetricsEndpoints={
        "type": "array",
        "items": _strict("port", port=TEXT, path=TEXT, interval={"type": "string", "pattern": "^[0-9]+s$"}),
    },
)


def _object(version: str, kind: str, spec: Schema) -> Schema:
    return _strict(
        "apiVersion kind metadata spec",
        apiVersion={"const": version},
        kind={"const": kind},
        metadata=METADATA,
        spec=spec,
    )


SCHEMAS: Final[dict[tuple[str, str], Schema]] = {
    (version, kind): _object(version, kind, spec)
    for version, kind, spec in (
        ("postgresql.cnpg.io/v1", "Cluster", CLUSTER),
        ("monitoring.coreos.com/v1", "PodMonitor", POD_MONITOR),
    )
}
