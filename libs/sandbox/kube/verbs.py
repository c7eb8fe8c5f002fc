"""What can be asked of a resource, one method for each verb: from the request to its answer."""

from collections.abc import Mapping
from contextlib import aclosing
from json import dumps

import msgspec
from aiohttp import web

from sandbox.kube import events
from sandbox.kube.applying import apply
from sandbox.kube.bodies import read_body, read_json
from sandbox.kube.creating import create
from sandbox.kube.deleting import Deletions, read_delete_options
from sandbox.kube.gate import Gate, User
from sandbox.kube.lists import Lists
from sandbox.kube.objects import Object, encode, key_of
from sandbox.kube.patches import APPLY, patch_of
from sandbox.kube.resources import EVENTS, Resource, Resources
from sandbox.kube.reviews import review
from sandbox.kube.selectors import read_selector
from sandbox.kube.store import Store
from sandbox.kube.targets import Target
from sandbox.kube.updating import update
from sandbox.kube.views import View, read_view
from sandbox.kube.watching import Watch, read_watch_options
from sandbox.kube.writes import Place, WriteOptions, Written, present, read_write_options


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One request that its sender may make."""

    request: web.BaseRequest
    query: Mapping[str, str]
    target: Target
    user: User

    @property
    def resource(self) -> Resource:
        return self.target.resource

    @property
    def place(self) -> Place:
        return self.target.place

    def view(self) -> View:
        return read_view(self.resource, self.request.headers.get("Accept", ""), self.query)

    def write_options(self) -> WriteOptions:
        """A client that does not say what it is called is called after its agent, except when it applies."""
        agent = self.request.headers.get("User-Agent", "unknown").split("/")[0]
        return read_write_options(
            self.query,
            manager="" if self.request.content_type == APPLY else agent,
            subresource=self.target.subresource,
            is_put=self.request.method == "PUT",
        )

    async def body(self) -> Object:
        return read_body(self.request.content_type, await self.request.read())


class Verbs:
    """Answers for the objects of *store*; each method is called by the verb it is named after."""

    def __init__(self, store: Store, resources: Resources, gate: Gate) -> None:
        self._store = store
        self._resources = resources
        self._gate = gate
        self._deletions = Deletions(store, resources)
        self._lists = Lists(store)

    def compact(self) -> None:
        """Forget all but the present state, as a compaction of etcd does."""
        self._store.compact()
        self._lists.forget()

    async def get(self, asked: Asked) -> web.StreamResponse:
        view = asked.view()
        return answer(view.one(present(self._store, asked.place)))

    async def list(self, asked: Asked) -> web.StreamResponse:
        view = asked.view()
        return answer(view.many(self._lists.page(asked.resource, asked.target.namespace, asked.query)))

    async def watch(self, asked: Asked) -> web.StreamResponse:
        target = asked.target
        is_selected = read_selector(target.resource, target.namespace, target.name, asked.query)
        watch = Watch(self._store, target.resource, asked.view(), is_selected)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        async with aclosing(watch.lines(read_watch_options(asked.query))) as lines:
            try:
                async for each in lines:
                    if not response.prepared:
                        await response.prepare(asked.request)
                    await response.write(each)
                await response.write_eof()
            except ConnectionError:  # The client has gone.
                return response
        return response

    async def create(self, asked: Asked) -> web.StreamResponse:
        view, resource, body = asked.view(), asked.resource, _as_stored(asked.resource, await asked.body())
        if resource.is_review:
            return answer(encode(review(resource, self._resources, body, asked.user, self._gate)), 201)
        return _shown(
            view, create(self._store, resource, asked.target.namespace, body, asked.write_options())
        )

    async def update(self, asked: Asked) -> web.StreamResponse:
        view, body = asked.view(), _as_stored(asked.resource, await asked.body())
        return _shown(view, update(self._store, asked.place, body, asked.write_options()))

    async def patch(self, asked: Asked) -> web.StreamResponse:
        view, content_type = asked.view(), asked.request.content_type
        if content_type == APPLY:
            wish = await asked.body()
            return _shown(view, apply(self._store, asked.place, wish, asked.write_options()))
        patch = patch_of(content_type, is_custom=asked.resource.is_custom)
        sent = read_json(await asked.request.read())
        before = _as_sent(asked.resource, present(self._store, asked.place).copy())
        body = _as_stored(asked.resource, patch(before, sent))
        return _shown(view, update(self._store, asked.place, body, asked.write_options()))

    async def delete(self, asked: Asked) -> web.StreamResponse:
        view, place = asked.view(), asked.place
        options = read_delete_options(await _delete_body(asked), asked.query)
        uid = present(self._store, place).metadata["uid"]
        left = self._deletions.delete(place, options)
        return answer(view.one(left) if left else _deleted(place, uid))

    async def deletecollection(self, asked: Asked) -> web.StreamResponse:
        view, resource = asked.view(), asked.resource
        options = read_delete_options(await _delete_body(asked), asked.query)
        page = self._lists.page(resource, asked.target.namespace, asked.query)
        for each in page.items:
            place = Place(resource, key_of(each.body))
            if self._store.get(*place):  # Or else it went with another.
                self._deletions.delete(place, options)
        return answer(view.many(page))


def answer(body: bytes, status: int = 200, warnings: tuple[str, ...] = ()) -> web.Response:
    """*body*, which is JSON, with a header for each of the *warnings*."""
    response = web.Response(body=body, status=status, content_type="application/json")
    for warning in warnings:
        response.headers.add("Warning", f"299 - {dumps(warning)}")
    return response


def _shown(view: View, written: Written) -> web.Response:
    return answer(view.one(written.stored), 201 if written.is_new else 200, written.warnings)


async def _delete_body(asked: Asked) -> Object:
    return await asked.body() if asked.request.can_read_body else {}


def _as_stored(resource: Resource, body: Object) -> Object:
    return events.stored(body) if resource.home == EVENTS else body


def _as_sent(resource: Resource, body: Object) -> Object:
    return events.shown(body, resource.group) if resource.home == EVENTS else body


def _deleted(place: Place, uid: str) -> bytes:
    """What is answered when an object is gone for good."""
    resource = place.resource
    details = {"name": place.name, "group": resource.group, "kind": resource.plural, "uid": uid}
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    return encode(status)
