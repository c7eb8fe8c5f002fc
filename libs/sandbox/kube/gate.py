"""Who asks, and whether they may: bearer tokens, impersonation by administrators, and `Accounts`."""

from collections.abc import Mapping
from typing import NamedTuple

from aiohttp import web

from sandbox.kube.accounts import Accounts, Right
from sandbox.kube.errors import ApiError
from sandbox.kube.refusals import forbidden
from sandbox.kube.targets import Target

ADMINISTRATORS = "system:masters"
SELF_REVIEWS = "selfsubjectaccessreviews"
"""What everybody may ask: what they may do."""


class User(NamedTuple):
    name: str
    groups: tuple[str, ...] = ()

    @property
    def may_do_anything(self) -> bool:
        return ADMINISTRATORS in self.groups


class Gate:
    """Knows everybody by their token; *administrator* is the token of one who may do anything."""

    def __init__(self, administrator: str, accounts: Accounts) -> None:
        users = {token: User(name) for name, token in accounts.tokens.items()}
        self._users: Mapping[str, User] = {**users, administrator: User("sandbox:admin", (ADMINISTRATORS,))}
        self._may = accounts.may

    def user_of(self, request: web.BaseRequest) -> User:
        """Whoever sent *request*, or whom they act for. Raises `ApiError` for strangers."""
        headers = request.headers
        user = self.user_with(headers.get("Authorization", "").removeprefix("Bearer "))
        if user is None:
            raise ApiError(401, "Unauthorized", "Unauthorized")
        if user.may_do_anything and (other := headers.get("Impersonate-User")):
            return User(other, tuple(headers.getall("Impersonate-Group", ())))
        return user

    def user_with(self, token: str) -> User | None:
        return self._users.get(token)

    def lets(self, user: User, right: Right) -> bool:
        return user.may_do_anything or right.resource == SELF_REVIEWS or self._may(user.name, right)

    def check(self, user: User, verb: str, target: Target) -> None:
        """Raises `ApiError` if *user* may not do this."""
        if user.may_do_anything:
            return
        resource = target.resource
        name = f"{resource.plural}/{target.subresource}" if target.subresource else resource.plural
        if self.lets(user, Right(verb, resource.group, name)):
            return
        where = f'in the namespace "{target.namespace}"' if target.namespace else "at the cluster scope"
        what = f'resource "{name}" in API group "{resource.group}" {where}'
        raise forbidden(resource, target.name, f'User "{user.name}" cannot {verb} {what}')
