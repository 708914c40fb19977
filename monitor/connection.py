"""How to reach Kafka: one set of settings for every producer and consumer of ours.

Secrets are read from environment variables that the configuration names, never from the file.
"""

import os
import re
import ssl
from collections.abc import Mapping
from typing import Any

from monitor.errors import ConfigError
from monitor.registry.specs import KafkaSpec, SecuritySpec

_NAME = re.compile(r"[A-Za-z0-9._-]+")
#: Kafka's own limit of a topic's name.
MAX_TOPIC = 249


def group_name(namespace: str) -> str:
    """The consumer group of a namespace's workers."""
    return f"{namespace}-watchkeeper"


def topic_name(namespace: str, name: str) -> str:
    """Return the full name of one of our topics; ConfigError where Kafka would refuse it.

    >>> topic_name("watchkeeper", "drift-events")
    'watchkeeper.drift-events'
    """
    full = f"{namespace}.{name}"
    if len(full) > MAX_TOPIC or not _NAME.fullmatch(full):
        raise ConfigError(
            f"topic name {full!r:.300} is refused by Kafka; use at most {MAX_TOPIC} letters, "
            "digits and ._- in `namespace`"
        )
    return full


def client_settings(kafka: KafkaSpec, environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Return what every aiokafka client takes: addresses, protocol, TLS context, login.

    Raises ConfigError where a file or an environment variable that is named isn't there.

    >>> client_settings(KafkaSpec(bootstrap="a:9092,b:9092"))
    {'bootstrap_servers': ['a:9092', 'b:9092'], 'security_protocol': 'PLAINTEXT'}
    """
    security = kafka.security or SecuritySpec()
    settings: dict[str, Any] = {
        "bootstrap_servers": [address.strip() for address in kafka.bootstrap.split(",")],
        "security_protocol": security.protocol,
    }
    if security.protocol.endswith("SSL"):
        settings["ssl_context"] = _tls(security)
    if security.protocol.startswith("SASL"):
        settings |= _login(security, environ)
    return settings


def _tls(security: SecuritySpec) -> ssl.SSLContext:
    """A context that verifies the broker's certificate and name; ours too where one is given."""
    try:
        context = ssl.create_default_context(cafile=security.cafile)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"kafka.security.cafile {security.cafile!r} cannot be read as certificates: {error}; "
            "give a PEM file of the authority that signed the broker's"
        ) from None
    if security.certfile is None:
        return context
    try:
        context.load_cert_chain(security.certfile, security.keyfile, password=_no_passphrase)
    except (OSError, ssl.SSLError, ConfigError) as error:
        raise ConfigError(
            f"kafka.security.certfile {security.certfile!r} with keyfile {security.keyfile!r} "
            f"cannot be used: {error}; give a PEM certificate and its unencrypted key"
        ) from None
    return context


def _no_passphrase() -> str:
    # Without this, OpenSSL asks for a passphrase on the terminal, and a service hangs there.
    raise ConfigError("the key is encrypted")


def _login(security: SecuritySpec, environ: Mapping[str, str]) -> dict[str, Any]:
    if security.username is None or security.password_env is None:
        raise ConfigError(
            f"kafka.security.protocol {security.protocol} needs `username`, and `password_env`, "
            "the name of the environment variable that holds the password"
        )
    password = environ.get(security.password_env)
    if not password:
        raise ConfigError(
            f"environment variable {security.password_env} is not set; kafka.security.password_env "
            "says that it holds the password for Kafka"
        )
    return {
        "sasl_mechanism": security.mechanism or "SCRAM-SHA-512",
        "sasl_plain_username": security.username,
        "sasl_plain_password": password,
    }
