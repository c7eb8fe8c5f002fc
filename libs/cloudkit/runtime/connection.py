"""The connection to NATS: it never gives up, tells `Health` the truth, and never sends late.

::

    request ──► answer
            ├── Unreachable   not connected, or nobody serves the subject: nothing was received
            ├── Unanswered    no answer in time: it may have been received
            └── TooLarge      more than the server takes: nothing was sent

nats-py keeps what is published while it is disconnected and sends it after the reconnect, minutes
later. For us a late append is a wrong append, so

- ``pending_size=0`` makes it refuse a publish while it is not connected, and
- what stood in its write buffer when the connection broke is thrown away before it reconnects.

Subscriptions are not lost by that: nats-py replays them from its own list.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from cloudkit.contracts.errors import TooLarge, Unanswered, Unreachable
from cloudkit.runtime.ending import end
from cloudkit.runtime.health import Health
from cloudkit.runtime.ports import Clock

log = structlog.get_logger(__name__)

PART = "nats"
FIRST_CONNECT_TIMEOUT = 5.0
REMIND_EVERY = 10.0
PULSE_EVERY = 2.0
PULSE_TIMEOUT = 2.0
REPLACE_AFTER = 15.0
"""A connection without a pulse for so long, in seconds, is replaced by a new one: its read loop may
have died, or its reconnect may wait for a peer that is frozen."""
REQUEST_TIMEOUT = 2.0


class PatientClient(Client):
    """nats-py's client, which goes on listening when the answer to a pulse comes after its time-out."""

    async def _process_pong(self) -> None:
        if self._pongs and self._pongs[0].done():
            self._pongs[0] = asyncio.Future()  # the one that gave up cannot be answered: nats-py would crash
        await super()._process_pong()


class Connection:
    """One connection of *service* to the servers of *url* (comma-separated)."""

    def __init__(self, url: str, *, service: str, clock: Clock, health: Health) -> None:
        self._servers = [server.strip() for server in url.split(",")]
        self._service = service
        self._clock = clock
        self._health = health
        self._client: Client = PatientClient()
        self._pulse: asyncio.Task[None] | None = None
        self._interruptions: set[Callable[[], None]] = set()

    async def open(self) -> None:
        """Connect, however long it takes."""
        await self._connect()
        self._pulse = asyncio.create_task(self._keep_alive(), name="nats-pulse")

    async def close(self) -> None:
        """Say goodbye, after what was published last has left, such as acknowledgements."""
        if self._pulse is not None:
            await end(self._pulse)
        await self._has_pulse()
        await self._drop(self._client)

    async def request(
        self,
        subject: str,
        body: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        within: float = REQUEST_TIMEOUT,
    ) -> Msg:
        """Ask, and wait up to *within* seconds for the answer. Raises as drawn above."""
        self._must_fit(subject, len(body) + _size_of(headers or {}))
        with _translated(subject):
            return await self._client.request(
                subject, body, timeout=within, headers=dict(headers) if headers else None
            )

    async def publish(self, subject: str, body: bytes, *, reply: str = "") -> None:
        """Send without waiting for an answer. Raises `Unreachable` when not connected."""
        with _translated(subject):
            await self._client.publish(subject, body, reply=reply)

    async def subscribe(self, heard: Callable[[Msg], Awaitable[None]]) -> Subscription:
        """Listen on a fresh inbox, which is the ``subject`` of what is returned."""
        with _translated("an inbox"):
            return await self._client.subscribe(self._client.new_inbox(), cb=heard)

    async def drain(self, inbox: Subscription) -> None:
        """Stop listening, after everything that is on its way was heard."""
        with suppress(nats.errors.Error, TimeoutError):
            await asyncio.wait_for(inbox.drain(), REQUEST_TIMEOUT)  # type: ignore[no-untyped-call]  # nats-py's

    async def unsubscribe(self, inbox: Subscription) -> None:
        """Stop listening; what arrives from now on is dropped."""
        with suppress(nats.errors.Error):  # it went with its connection
            await inbox.unsubscribe()

    @property
    def max_payload(self) -> int:
        """The largest body that the server takes, in bytes."""
        return self._client.max_payload

    def _must_fit(self, subject: str, size: int) -> None:
        """The server counts headers too, and ends the connection of whoever sends more than it takes;
        nats-py counts the body alone. What it takes is not known before the connection stands."""
        limit = self._client.max_payload
        if self._client.is_connected and size > limit:
            text = f"the message for {subject} has {size} bytes, and NATS takes {limit} (max_payload)"
            raise TooLarge(text, size=size, limit=limit, system="NATS")

    @contextmanager
    def interruptions(self, tell: Callable[[], None]) -> Iterator[None]:
        """Call *tell* whenever the connection broke: what the server held for it is gone."""
        self._interruptions.add(tell)
        try:
            yield
        finally:
            self._interruptions.discard(tell)

    async def _connect(self) -> None:
        self._health.down(PART, "connecting")
        started = self._clock.monotonic()
        reminded = started - REMIND_EVERY
        while True:
            try:
                self._client = await self._connected_client()
            except (TimeoutError, OSError, nats.errors.Error) as error:
                because = _why(error)
                self._health.down(PART, because)
                if self._clock.monotonic() - reminded >= REMIND_EVERY:
                    reminded = self._clock.monotonic()
                    waited = round(reminded - started)
                    log.warning("waiting for NATS", servers=self.public_servers, waited=waited, error=because)
                await self._clock.sleep(0.25)
            else:
                self._health.up(PART)
                log.info("connected to NATS", server=_public(self._client))
                return

    async def _connected_client(self) -> Client:
        client = PatientClient()
        last_error: list[Exception] = []

        async def on_error(error: Exception) -> None:
            last_error[:] = [error]
            log.debug("NATS error", error=_why(error))

        async def on_disconnect() -> None:
            if client is self._client and not client.is_closed:
                self._broken(client)

        async def on_reconnect() -> None:
            if client is self._client:
                self._health.up(PART)
                log.info("reconnected to NATS", server=_public(client))

        try:
            await asyncio.wait_for(
                client.connect(
                    self._servers,
                    name=self._service,
                    error_cb=on_error,
                    disconnected_cb=on_disconnect,
                    reconnected_cb=on_reconnect,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.25,  # type: ignore[arg-type]  # any number of seconds works
                    connect_timeout=1,
                    ping_interval=2,
                    max_outstanding_pings=2,
                    drain_timeout=2,
                    pending_size=0,
                ),
                FIRST_CONNECT_TIMEOUT,
            )
        except BaseException as error:
            await self._drop(client)
            if isinstance(error, TimeoutError) and last_error:
                raise nats.errors.Error(_why(last_error[0])) from error
            raise
        return client

    def _broken(self, client: Client) -> None:
        forget_unsent(client)
        stop_waiting(client)
        self._health.down(PART, "disconnected, reconnecting")
        log.warning("disconnected from NATS", servers=self.public_servers)
        for tell in tuple(self._interruptions):
            tell()

    async def _keep_alive(self) -> None:
        """``is_connected`` stays true when nats-py's read loop has died: only an answer proves life."""
        alive_at = self._clock.monotonic()
        while True:
            await self._clock.sleep(PULSE_EVERY)
            if await self._has_pulse():
                alive_at = self._clock.monotonic()
                self._health.up(PART)
                continue
            self._health.down(PART, "no answer")
            if self._client.is_closed or self._clock.monotonic() - alive_at >= REPLACE_AFTER:
                await self._replace()
                alive_at = self._clock.monotonic()

    async def _has_pulse(self) -> bool:
        if not self._client.is_connected:
            return False
        try:
            await self._client.rtt(timeout=PULSE_TIMEOUT)  # type: ignore[arg-type]  # any number works
        except (TimeoutError, OSError, nats.errors.Error):
            return False
        return True

    async def _replace(self) -> None:
        log.warning("replacing the connection to NATS: it does not recover by itself")
        old = self._client
        self._broken(old)
        await self._drop(old)
        await self._connect()

    async def _drop(self, client: Client) -> None:
        """Close *client*, or leave it to the garbage collector when its peer is frozen."""
        forget_unsent(client)
        with suppress(TimeoutError, OSError, nats.errors.Error, AssertionError):
            await asyncio.wait_for(client.close(), 1)

    @property
    def public_servers(self) -> list[str]:
        """The servers that it was told of, without credentials."""
        return [server.rsplit("@", 1)[-1] for server in self._servers]


def forget_unsent(client: Client) -> None:
    """Throw away what *client* was given and has not sent, so that it is never sent late."""
    client._pending.clear()  # noqa: SLF001  # nats-py has no public way, and would send it after reconnecting
    client._pending_data_size = 0  # noqa: SLF001  # as above


def stop_waiting(client: Client) -> None:
    """Tell whoever waits for an answer that it went with the connection, instead of when their time is up."""
    for answer in tuple(client._resp_map.values()):  # noqa: SLF001  # nats-py lets them time out
        if not answer.done():
            answer.set_exception(nats.errors.StaleConnectionError())
            answer.exception()  # seen: nobody waits for the answer to what nats-py could not even send


@contextmanager
def _translated(subject: str) -> Iterator[None]:
    try:
        yield
    except (
        nats.errors.OutboundBufferLimitError,
        nats.errors.ConnectionClosedError,
        nats.errors.ConnectionDrainingError,
        nats.errors.ConnectionReconnectingError,
    ) as error:
        raise Unreachable("not connected to NATS", system="NATS") from error
    except nats.errors.NoRespondersError as error:
        raise Unreachable(f"nobody in NATS serves {subject}", system="NATS") from error
    except TimeoutError as error:
        raise Unanswered(f"no answer from NATS to {subject}", system="NATS") from error
    except (OSError, nats.errors.Error) as error:
        raise Unanswered(f"NATS failed on {subject}: {_why(error)}", system="NATS") from error


def _size_of(headers: Mapping[str, str]) -> int:
    """What *headers* add to a message, in bytes."""
    lines = ("NATS/1.0", *(f"{name}: {value}" for name, value in headers.items()), "")
    return sum(len(line.encode()) + len("\r\n") for line in lines) if headers else 0


def _why(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _public(client: Client) -> str:
    url = client.connected_url
    return f"{url.hostname}:{url.port}" if url else ""
