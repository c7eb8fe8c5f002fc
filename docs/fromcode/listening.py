import asyncio
import json
import sys

import nats


async def listen(url: str) -> None:
    bus = await nats.connect(url)
    failures = await bus.jetstream().subscribe("cloudkit.job.*.*.*.*.*.failed", ordered_consumer=True)
    async for message in failures.messages:
        event = json.loads(message.data)
        print(event["instance"]["name"], event["job"]["type"], event["job"]["message"], flush=True)


asyncio.run(listen(sys.argv[1]))
