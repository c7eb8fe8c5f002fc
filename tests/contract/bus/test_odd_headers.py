"""Headers as no client of ours would write them: what can be read is handled, the rest becomes a letter."""

import asyncio
import json
from urllib.parse import urlsplit

import pytest

from cloudkit.cli.deadletters.showing import as_json, page
from cloudkit.contracts.instance import InstanceRef
from cloudkit.contracts.intents import Intent, Reconcile, encode_intent, read_intent
from cloudkit.contracts.subjects import DEAD_LETTERS, INTENTS, dead_letter_subject
from cloudkit.runtime.answers import DONE, Answer, Received
from cloudkit.runtime.bus import Bus
from cloudkit.runtime.deadletters import letter_of
from cloudkit.runtime.delivery import Subscription
from contract.bus.consumers import NatsConsumers
from contract.bus.messages import an_instance, eventually
from contract.bus.servers import Nats

BLOCKS = {
    "none": b"",
    "an empty name": b": empty",
    "no colon": b"no colon",
    "an empty value": b"k:",
    "no UTF-8": b"k: \xff\xfe",
    "a name beyond ASCII": b"k\xc3\xa9: \xc3\xa9",
    "a folded line": b"k: a\r\n folded",
    "the same twice": b"k: 1\r\nk: 2\r\nK: 3",
    "a blank in a name": b"k k: v",
    "control characters": b"k: \x00\x01\x1b[31m",
    "a bare carriage return": b"k: a\rb: c",
    "a line that begins with a tab": b"\tk: v",
    "a mailbox": b"From x: y",
    "an encoded word": b"Subject: =?utf-8?q?=ff?=",
    "sixty kilobytes": b"k: " + b"x" * 60_000,
    "two thousand": b"\r\n".join(b"h%d: v" % number for number in range(2000)),
    "JetStream's own, small": b"nats-expected-stream: CLOUDKIT_INTENTS",
    "JetStream's own, renamed": b"Original-Nats-Msg-Id: a",
    "ours": b"Cloudkit-Reason: forged\r\nCloudkit-Traceback: {{{\r\nCloudkit-Sequence: x",
    "a trace that is none": b"traceparent: garbage\r\ntracestate: =,=",
    "a trace with odd flags": b"traceparent: 00-" + b"f" * 32 + b"-" + b"f" * 16 + b"-zz",
    "a status": b"Status: 404",
}
VERSIONS = {"a status line": b"NATS/1.0 503", "a heartbeat": b"NATS/1.0 100 Idle Heartbeat"}
ALL = {name: (b"NATS/1.0", block) for name, block in BLOCKS.items()} | {
    name: (version, b"") for name, version in VERSIONS.items()
}


async def published(nats: Nats, subject: str, head: bytes, body: bytes) -> None:
    """As whoever speaks NATS can, past every client library."""
    where = urlsplit(nats.url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    message = b"HPUB %s %d %d\r\n" % (subject.encode(), len(head), len(head) + len(body)) + head + body
    writer.write(b'CONNECT {"headers": true, "verbose": false}\r\n' + message + b"\r\nPING\r\n")
    while (line := await reader.readline()) != b"PONG\r\n":
        assert line.startswith(b"INFO "), line
    writer.close()
    await writer.wait_closed()


def subject_of(instance: InstanceRef) -> str:
    return f"cloudkit.intent.aap.{instance.namespace}.{instance.name.replace('.', '_')}"


@pytest.mark.parametrize(("version", "block"), ALL.values(), ids=ALL)
async def test_no_header_keeps_a_message_from_its_handler_or_from_the_dead_letters(
    nats_on_server: Nats, version: bytes, block: bytes
) -> None:
    bus, good, bad = nats_on_server.bus, an_instance(), an_instance()
    head = version + b"\r\n" + (block + b"\r\n" if block else b"") + b"\r\n"
    seen: list[Intent] = []

    async def take(received: Received[Intent]) -> Answer:
        seen.append(received.body)
        return DONE

    subscription = Subscription(
        stream=INTENTS,
        subjects=[subject_of(good), subject_of(bad)],
        durable=good.uid,
        read=read_intent,
        handler=take,
    )
    look = Reconcile(instance=good)
    await published(nats_on_server, subject_of(good), head, encode_intent(look))
    await published(nats_on_server, subject_of(bad), head, b"{garbage")
    async with NatsConsumers().delivering(bus, subscription):
        await eventually(lambda: seen == [look])
        await eventually(lambda: is_buried(bus, bad))
    await NatsConsumers().remove(bus, subscription)
    (stored,) = await bus.jetstream.every(DEAD_LETTERS, dead_letter_subject("tester", subject_of(bad)))
    letter = letter_of(stored)
    assert (letter.subject, letter.body) == (subject_of(bad), b"{garbage")
    assert letter.reason.startswith("not a valid")
    assert letter.sequence > 0
    assert not letter.traceback
    assert json.dumps(as_json(letter, 0))
    assert set(page(letter, 0)).isdisjoint("\x00\x1b\r")


async def is_buried(bus: Bus, instance: InstanceRef) -> bool:
    return bool(await bus.jetstream.every(DEAD_LETTERS, dead_letter_subject("tester", subject_of(instance))))
