"""A producer that is connected, and why one is not: bounded, and in one line."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaError,
    KafkaTimeoutError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)

from monitor.errors import BrokerError, BrokerUnreachable, TopicMissing

#: Batches of this many bytes fit Kafka's default limit of 1 MB, and one holds the largest event.
BATCH_BYTES = 512 * 1024
_RETRY_S = 0.3
_PROBE_S = 2.0
#: A topic that was created a moment ago may not be in the first answer.
_LOOKS = 7
_LOGIN = (AuthenticationFailedError, SaslAuthenticationFailed, UnsupportedSaslMechanismError)

# What it logs we raise, once and with the remedy; where logging is set up, it is logged as well.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())


async def connect(settings: Mapping[str, Any], timeout: float) -> AIOKafkaProducer:
    """Return a started idempotent producer; BrokerUnreachable after `timeout` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    told: Exception | None = None
    while True:
        # aiokafka only logs why it cannot connect, so we see for ourselves first.
        reason = await _obstacle(settings, deadline - loop.time())
        if reason is None:
            try:
                return await _started(settings, timeout, deadline)
            except (KafkaError, OSError, TimeoutError) as error:
                reason = error
        told = reason if str(reason) or told is None else told
        refused = isinstance(reason, (*_LOGIN, ssl.SSLError))
        if refused or loop.time() + _RETRY_S >= deadline:
            raise BrokerUnreachable(_unreachable(settings, told, timeout))
        await asyncio.sleep(_RETRY_S)


async def _started(
    settings: Mapping[str, Any], timeout: float, deadline: float
) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(
        **settings,
        acks="all",
        enable_idempotence=True,
        request_timeout_ms=max(1, int(timeout * 1000)),
        max_batch_size=BATCH_BYTES,
        metadata_max_age_ms=60_000,
    )
    try:
        async with asyncio.timeout_at(deadline):
            await producer.start()
    except BaseException:
        await discard(producer)
        raise
    return producer


async def discard(producer: AIOKafkaProducer, patience: float = 0.0) -> None:
    """Close a producer; what it has not delivered after `patience` seconds is given up."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(patience):
            await producer.flush()
    sender = producer._sender
    if sender.sender_task is not None:
        # Its own stop() waits without end for a broker that is gone.
        sender.sender_task.cancel()
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(1.0):
                await asyncio.wait([sender.sender_task])
    producer._closed = True
    await producer.client.close()


async def known_topic(producer: AIOKafkaProducer, topic: str, bootstrap: str) -> int:
    """Return a topic's number of partitions; TopicMissing or BrokerUnreachable, in seconds."""
    cluster = producer.client.cluster
    for look in range(_LOOKS):
        partitions = cluster.partitions_for_topic(topic)
        if partitions:
            return len(partitions)
        await asyncio.sleep(0.1 * look)
        producer.client.add_topic(topic)
        try:
            async with asyncio.timeout(_PROBE_S):
                answered = await producer.client.force_metadata_update()
        except TimeoutError:
            answered = False
        if not answered:
            raise BrokerUnreachable(f"Kafka at {bootstrap} no longer answers; see that it runs")
        if topic in cluster.unauthorized_topics:
            raise forbidden(topic)
    raise TopicMissing(
        f"topic {topic} does not exist at {bootstrap}; create it with `watchkeeper topics create`, "
        "or mend the namespace"
    )


async def undelivered(
    producer: AIOKafkaProducer, topic: str, bootstrap: str, error: Exception, timeout: float
) -> BrokerError:
    """Return the error to raise for an event that was not acknowledged."""
    if isinstance(error, TopicAuthorizationFailedError):
        return forbidden(topic)
    late = isinstance(error, (TimeoutError, KafkaTimeoutError))
    if isinstance(error, KafkaError) and not late and not error.retriable:
        return BrokerError(f"Kafka at {bootstrap} refused a record of {topic}: {error!r:.200}")
    try:
        await known_topic(producer, topic, bootstrap)
    except BrokerError as reason:
        return reason
    return BrokerUnreachable(
        f"Kafka at {bootstrap} did not acknowledge within {timeout:g} s; the event may or may not "
        "have arrived: send it again with the same id, duplicates are dropped"
    )


def forbidden(topic: str) -> BrokerError:
    """Return the error of a login that may not write to a topic."""
    return BrokerError(f"the login may not write to topic {topic}; grant it WRITE on that topic")


async def _obstacle(settings: Mapping[str, Any], patience: float) -> Exception | None:
    """Why no address can be connected to and logged in at, None if one can."""
    reason: Exception | None = None
    options = {name: value for name, value in settings.items() if name != "bootstrap_servers"}
    addresses = settings["bootstrap_servers"]
    share = max(0.01, patience / len(addresses))
    for address in addresses:
        host, _, port = address.rpartition(":")
        try:
            async with asyncio.timeout(share):
                connection = await create_conn(
                    host, int(port), request_timeout_ms=max(1, int(share * 1000)), **options
                )
        except (KafkaError, OSError, TimeoutError) as error:
            reason = error
        else:
            connection.close()
            return None
    return reason


def _unreachable(settings: Mapping[str, Any], reason: Exception, timeout: float) -> str:
    where = ",".join(settings["bootstrap_servers"])
    if isinstance(reason, _LOGIN):
        return (
            f"Kafka at {where} refused the login of {settings.get('sasl_plain_username')!r}: "
            f"{reason}; check kafka.security and the password's environment variable"
        )
    if isinstance(reason, ssl.SSLError):
        return f"no TLS with Kafka at {where}: {reason}; check kafka.security.cafile"
    why = f": {reason}" if str(reason) else ""
    if not isinstance(reason, OSError):
        why += f" (does that port speak {settings['security_protocol']}?)"
    return (
        f"Kafka at {where} cannot be reached within {timeout:g} s{why}; start it with "
        "`watchkeeper broker`, or mend the address"
    )
