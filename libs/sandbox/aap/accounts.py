"""Whose token a request carries, and how many requests came."""

from collections import Counter
from collections.abc import Mapping

from aiohttp import hdrs

from sandbox.aap.answers import unauthenticated
from sandbox.aap.model import User


class Accounts:
    """Tokens and the users they stand for."""

    def __init__(self, users: Mapping[str, User]) -> None:
        self._users = dict(users)

    def add(self, users: Mapping[str, User]) -> None:
        """Take these tokens from now on, whomever they stood for before."""
        self._users.update(users)

    def rotate(self, old: str, new: str) -> None:
        """From now on *new* stands for whom *old* stood, and *old* for nobody."""
        if (user := self._users.pop(old, None)) is not None:
            self._users[new] = user

    def revoke(self, token: str) -> None:
        self._users.pop(token, None)

    def user_of(self, headers: Mapping[str, str]) -> User:
        """Raises `Answer` 401 for a missing and an unknown token alike."""
        scheme, _, token = headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        if scheme.lower() != "bearer" or (user := self._users.get(token.strip())) is None:
            raise unauthenticated()
        return user


class Tally:
    """Requests by method and route: ``GET /jobs/{id}/``."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def count(self, method: str, route: str) -> None:
        self._counts[f"{method} {route}"] += 1

    def counts(self) -> dict[str, int]:
        return dict(self._counts)

    def clear(self) -> None:
        self._counts.clear()
