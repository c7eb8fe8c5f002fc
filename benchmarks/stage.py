"""Where the benchmarks of aap-poller take place: nats-server, the AAP stand-in, and one aap-poller.

Each is a process of its own. Who wants to know what happens listens to the job log, as any subscriber
may; times are of this machine's one clock.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from nats.aio.client import Client
from nats.aio.msg import Msg

from benchmarks.measuring import cost_of
from benchmarks.subscriber import open_subscriber
from cloudkit.contracts.events import JobEvent, JobEventName, read_event
from cloudkit.contracts.subjects import JOB_SUBJECTS, JOBS
from cloudkit.runtime.bus import Bus, connect
from cloudkit.runtime.clock import SystemClock
from cloudkit.runtime.health import Health
from sandbox.aap.control import Control
from sandbox.process import Process
from sandbox.stack import Plan, Stack, service_commands, start_stack

POLLER = "aap-poller"
NO_KUBERNETES = Path("/dev/null")
"""aap-poller needs none."""
CATCHES_UP_WITHIN = 120.0
NEVER_END = ("--job-seconds", "1000000", "--pending-seconds", "0", "--waiting-seconds", "0")


@dataclass
class Diary:
    """When each event of each job (by number of its instance's name) was first heard of: epoch seconds."""

    heard: dict[tuple[JobEventName, str], float] = field(default_factory=dict)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def hear(self, message: Msg) -> None:
        event: JobEvent = read_event(message.data)
        self.heard.setdefault((event.event, event.instance.name), time.time())
        self.news.set()

    def moments(self, event: JobEventName) -> dict[str, float]:
        """When *event* was heard of, by the name of the instance."""
        return {name: moment for (what, name), moment in self.heard.items() if what is event}

    async def until(self, fulfilled: Callable[[], bool], *, within: float) -> bool:
        """Wait until *fulfilled*, and say whether it came to that *within* so many seconds."""
        try:
            async with asyncio.timeout(within):
                while not fulfilled():
                    self.news.clear()
                    await self.news.wait()
        except TimeoutError:
            return False
        return True


@dataclass(frozen=True)
class Stage:
    """Everything but aap-poller, which `start_poller` adds."""

    stack: Stack
    aap: Control
    bus: Bus
    nats: Client
    diary: Diary

    async def start_poller(self, environment: Mapping[str, str]) -> Process:
        """Start aap-poller with *environment* on top of default settings, and wait until it is ready."""
        plan = replace(self.stack.plan, services=(POLLER,), environment=environment)
        await self.stack.supervisor.start(*service_commands(replace(self.stack, plan=plan)))
        return self.stack.process(POLLER)

    async def caught_up(self, *durables: str) -> None:
        """Wait until aap-poller has taken every message of its consumers *durables* once. Raises
        `RuntimeError` if it does not come to that."""
        poller, give_up = self.stack.process(POLLER), time.monotonic() + CATCHES_UP_WITHIN
        for durable in durables:
            while await self._untouched(durable):
                if not poller.running or time.monotonic() > give_up:
                    raise RuntimeError(f"{POLLER} does not take its messages.\n{poller.tail()}")
                await asyncio.sleep(0.1)

    async def _untouched(self, durable: str) -> int:
        answer = await self.nats.request(f"$JS.API.CONSUMER.INFO.{JOBS}.{durable}", b"", timeout=10)
        return int(json.loads(answer.data).get("num_pending", 1))  # 1: the consumer is not there yet

    def cpu_seconds(self) -> dict[str, float]:
        """What each process has used so far."""
        return {name: cost_of(pid).cpu_seconds for name, pid in self.stack.pids().items()}

    def peak_memory_mb(self, name: str) -> float:
        return cost_of(self.stack.pids()[name]).peak_memory_mb


@asynccontextmanager
async def set_stage(prepare: Callable[[Path], None] = lambda _: None) -> AsyncIterator[Stage]:
    """A stage of its own. *prepare* may leave something in the directory in which AAP will start."""
    async with AsyncExitStack() as contexts:
        directory = Path(contexts.enter_context(tempfile.TemporaryDirectory(prefix="cloudkit-bench-")))
        prepare(directory / "aap")
        plan = Plan(directory=directory, services=(), aap_arguments=NEVER_END, kubeconfig=NO_KUBERNETES)
        stack = await contexts.enter_async_context(start_stack(plan))
        aap = await contexts.enter_async_context(Control(stack.aap.control))
        bus = await contexts.enter_async_context(
            connect(stack.nats.url, service="benchmark", clock=SystemClock(), health=Health())
        )
        client = await contexts.enter_async_context(open_subscriber(stack.nats.url))
        yield Stage(stack, aap, bus, client, Diary())


@asynccontextmanager
async def listening(stage: Stage) -> AsyncIterator[Diary]:
    """Write into the diary what the job log says from now on."""
    hear: Callable[[Msg], Awaitable[None]] = stage.diary.hear
    heard = await stage.nats.subscribe(JOB_SUBJECTS, cb=hear)
    await stage.nats.flush()
    try:
        yield stage.diary
    finally:
        await heard.unsubscribe()
