import ssl
from pathlib import Path

import pytest

from monitor.connection import client_settings, topic_name
from monitor.errors import ConfigError
from monitor.registry.specs import KafkaSpec, SecuritySpec

CA = Path(__file__).parent / "authority.pem"


def settings(environ: dict[str, str] | None = None, **security: str | None) -> dict[str, object]:
    return client_settings(KafkaSpec(security=SecuritySpec(**security)), environ or {})  # type: ignore[arg-type]


def test_several_addresses_are_taken_apart() -> None:
    assert client_settings(KafkaSpec(bootstrap="a:1, b:2")) == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "PLAINTEXT",
    }


def test_a_password_comes_from_the_environment() -> None:
    got = settings(
        {"KAFKA_PASSWORD": "s3cret"},
        protocol="SASL_PLAINTEXT",
        mechanism="SCRAM-SHA-256",
        username="wk",
        password_env="KAFKA_PASSWORD",
    )
    assert got == {
        "bootstrap_servers": ["127.0.0.1:19092"],
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "wk",
        "sasl_plain_password": "s3cret",
    }


@pytest.mark.parametrize("environ", [{}, {"KAFKA_PASSWORD": ""}])
def test_a_password_that_is_not_there_is_told_by_its_variable(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="environment variable KAFKA_PASSWORD is not set"):
        settings(environ, protocol="SASL_SSL", username="wk", password_env="KAFKA_PASSWORD")


def test_a_login_needs_a_name() -> None:
    with pytest.raises(ConfigError, match="SASL_SSL needs `username`"):
        settings({"P": "x"}, protocol="SASL_SSL", password_env="P")


def test_the_broker_must_show_a_certificate_for_its_name() -> None:
    context = settings(protocol="SSL", cafile=str(CA))["ssl_context"]
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert [dict(ca["subject"][0])["commonName"] for ca in context.get_ca_certs()] == [
        "Watchkeeper test authority"
    ]


def test_the_strongest_mechanism_is_the_default() -> None:
    got = settings({"P": "x"}, protocol="SASL_SSL", username="wk", password_env="P", cafile=str(CA))
    assert got["sasl_mechanism"] == "SCRAM-SHA-512"
    assert isinstance(got["ssl_context"], ssl.SSLContext)


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_an_authority_that_is_none_is_told(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "ca.pem"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError, match=r"kafka\.security\.cafile .*ca\.pem' cannot be read"):
        settings(protocol="SSL", cafile=str(path))


def test_a_certificate_without_its_key_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="with keyfile None cannot be used"):
        settings(protocol="SSL", cafile=str(CA), certfile=str(CA))
    with pytest.raises(ConfigError, match="cannot be used"):
        settings(protocol="SSL", cafile=str(CA), certfile=str(CA), keyfile=str(tmp_path / "k"))


@pytest.mark.parametrize("namespace", ["a b", "a/b", "x" * 250, "ä"])
def test_a_topic_that_kafka_would_refuse_is_refused(namespace: str) -> None:
    with pytest.raises(ConfigError, match="refused by Kafka"):
        topic_name(namespace, "labels")
