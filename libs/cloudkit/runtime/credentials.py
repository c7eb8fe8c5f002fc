"""Who we are to a provider: a token, from a setting or from a file that is read again when it changes.

A rotated token needs no restart: the file is looked at before each request, and read again when it is
another one (Kubernetes swaps a symlink), has another time or size, or when the token is refused. What is
in a file that cannot be used is never used: the last good token is kept, which is told once.
"""

import re
from collections.abc import Generator
from pathlib import Path

import httpx
import structlog

from cloudkit.contracts.errors import Misconfigured
from cloudkit.runtime.settings import Secret

log = structlog.get_logger(__name__)

Stamp = tuple[int, int, int, int]

TOKEN = re.compile(r"[!-~]+")
"""What a header can carry."""


class TokenFile:
    """The token in the file at *path*, which *setting* names. Raises `Misconfigured` if there is none at
    the start."""

    def __init__(self, path: Path, *, setting: str) -> None:
        self._path = path
        self._told = False
        try:
            self._stamp: Stamp | None = self._look()
            self._token = self._read()
        except (OSError, ValueError) as error:
            raise Misconfigured(f"{setting} cannot be used: {_why(error)}") from error

    def current(self) -> Secret:
        """The token, as new as the file."""
        try:
            if (stamp := self._look()) != self._stamp:
                self._take(stamp)
        except (OSError, ValueError) as error:
            self._keep(error)
        return self._token

    def renew(self) -> bool:
        """Read the file again, changed or not. Whether it held another token."""
        before, self._stamp = self._token, None
        return self.current() != before

    def _take(self, stamp: Stamp) -> None:
        token = self._read()
        if token != self._token or self._told:
            log.info("read a new token")
        self._token, self._stamp, self._told = token, stamp, False

    def _keep(self, error: Exception) -> None:
        self._stamp = None
        if not self._told:
            log.warning("the token file cannot be used, keeping the last token", because=_why(error))
        self._told = True

    def _look(self) -> Stamp:
        found = self._path.stat()
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    def _read(self) -> Secret:
        text = self._path.read_text(encoding="ascii").strip()
        if not TOKEN.fullmatch(text):
            raise ValueError("it holds no token")
        return Secret(text)


class FixedToken:
    """A token that stays as it is until the process ends."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def current(self) -> Secret:
        return self._token

    def renew(self) -> bool:
        return False


Credentials = TokenFile | FixedToken


class Bearer(httpx.Auth):
    """Shows the token to who is asked, to nobody else.

    A question that is answered with 401 is asked once more if there is a newer token. A launch, or a webhook,
    is not sent again, although a 401 means that nothing ran: its claim may have grown old meanwhile.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        response = yield self._signed(request)
        if response.status_code == 401 and self._credentials.renew() and request.method == "GET":
            yield self._signed(request)

    def _signed(self, request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {self._credentials.current().reveal()}"
        return request


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.strerror}: {error.filename}"
    return "it does not hold one line of printable ASCII characters"
