"""What all models share, from the shape of YAML: how to reach Kafka, and who may approve."""

from collections.abc import Iterable

from monitor.registry import shape
from monitor.registry.problems import Problems
from monitor.registry.specs import ApproverSpec, KafkaSpec, SecuritySpec


def resolve_kafka(kafka: shape.Kafka, folder: str, problems: Problems) -> KafkaSpec:
    """Return how to reach Kafka; certificates' paths are relative to the configuration's folder."""
    for address in kafka.bootstrap.split(","):
        port = int(address.rpartition(":")[2])
        if not 1 <= port <= 65_535:
            problems.at("kafka.bootstrap", f"has port {port}; ports are 1 to 65535")
    return KafkaSpec(
        bootstrap=kafka.bootstrap,
        partitions=kafka.partitions,
        replication=kafka.replication,
        security=_security(kafka.security, folder, problems) if kafka.security else None,
    )


def resolve_approvers(
    approvers: Iterable[shape.Approver], folder: str, problems: Problems
) -> tuple[ApproverSpec, ...]:
    """Return who may approve; paths of keys are relative to the configuration's folder."""
    found: dict[str, ApproverSpec] = {}
    for n, approver in enumerate(approvers):
        key = approver.key
        if key in found:
            problems.at(
                f"approvers[{n}].key",
                f"is the one of {found[key].name} too; nobody could tell who has signed",
            )
        path = _beside(folder, key) if key.endswith(".pem") else key
        found[key] = ApproverSpec(name=approver.name, key=path or key)
    return tuple(found.values())


def _security(security: shape.Security, folder: str, problems: Problems) -> SecuritySpec:
    protocol = security.protocol
    if protocol.startswith("SASL"):
        for key in ("username", "password_env"):
            if getattr(security, key) is None:
                problems.at("kafka.security", f"lacks {key!r}, which {protocol} needs; add it")
    unfit = [] if protocol.startswith("SASL") else ["mechanism", "username", "password_env"]
    unfit += [] if protocol.endswith("SSL") else ["cafile", "certfile", "keyfile"]
    for key in unfit:
        if getattr(security, key) is not None:
            problems.at(
                f"kafka.security.{key}",
                f"has no effect with {protocol}; remove it, or mend protocol",
            )
    if security.keyfile and not security.certfile:
        problems.at("kafka.security.keyfile", "needs certfile, the certificate of that key")
    return SecuritySpec(
        protocol=protocol,
        mechanism=security.mechanism,
        username=security.username,
        password_env=security.password_env,
        cafile=_beside(folder, security.cafile),
        certfile=_beside(folder, security.certfile),
        keyfile=_beside(folder, security.keyfile),
    )


def _beside(folder: str, path: str | None) -> str | None:
    if path is None or path.startswith("/") or not folder:
        return path
    return f"{folder}/{path}"
