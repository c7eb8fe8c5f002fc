"""A JetStream that passes everything on to another, real or simulated, for tests to spoil."""

from collections.abc import Mapping
from typing import TypeVar

from cloudkit.runtime.connection import REQUEST_TIMEOUT
from cloudkit.runtime.jetstream import JetStream, PubAck, Stored, StreamInfo

T = TypeVar("T")


class ForwardingJetStream(JetStream):
    """Does what *behind* does."""

    def __init__(self, behind: JetStream) -> None:
        super().__init__(behind.connection, behind.server_clock)
        self._behind = behind

    async def api(self, name: str, body: Mapping[str, object] | None, answer: type[T]) -> T:
        return await self._behind.api(name, body, answer)

    async def stream_info(self, stream: str) -> StreamInfo:
        return await self._behind.stream_info(stream)

    async def last(self, stream: str, subject: str) -> Stored | None:
        return await self._behind.last(stream, subject)

    async def every(self, stream: str, subject: str) -> list[Stored]:
        return await self._behind.every(stream, subject)

    async def append(
        self, subject: str, body: bytes, headers: Mapping[str, str], *, within: float = REQUEST_TIMEOUT
    ) -> PubAck:
        return await self._behind.append(subject, body, headers, within=within)

    async def purge(self, stream: str, subject: str, *, up_to: int) -> None:
        await self._behind.purge(stream, subject, up_to=up_to)
