"""The whole API: it answers health checks and discovery itself, and leads everything else to its verb.

KubernetesApi ─► Gate            who asks, and may they?
              ─► discovery, openapi
              ─► Verbs ─► creating, updating, patches, applying, deleting ─► Store
                       ─► lists, watching ◄───────────────────────────────── Store
"""

from aiohttp import web

from sandbox.kube import discovery, openapi
from sandbox.kube.creating import create
from sandbox.kube.definitions import serve_definitions
from sandbox.kube.errors import ApiError, no_such_path
from sandbox.kube.gate import Gate
from sandbox.kube.objects import Object, encode
from sandbox.kube.resources import Resources
from sandbox.kube.store import Store
from sandbox.kube.targets import read_target, verb_of
from sandbox.kube.verbs import Asked, Verbs, answer
from sandbox.kube.writes import BY_ITSELF

HEALTH = {("healthz",), ("readyz",), ("livez",)}
COMPACT = ("emulator", "compact")
NAMESPACES = ("default", "kube-system")
DEEPEST_DOCUMENT = 3
"""Parts of the longest path that leads to a document of discovery."""
NO_WATCH = ("false", "0")


class KubernetesApi:
    """A handler of aiohttp, for whoever *gate* knows."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.store = Store()
        self._resources = Resources()
        self._verbs = Verbs(self.store, self._resources, gate)
        serve_definitions(self.store, self._resources)
        for name in NAMESPACES:
            self.install({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    def install(self, manifest: Object) -> None:
        """Create an object whose own apiVersion and kind say where it belongs."""
        resource = self._resources.of_kind(manifest["apiVersion"], manifest["kind"])
        if resource is None:
            raise no_such_path()
        namespace = manifest["metadata"].get("namespace", "") if resource.namespaced else ""
        create(self.store, resource, namespace, manifest, BY_ITSELF)

    def close(self) -> None:
        """End every open watch."""
        self.store.close()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except ApiError as error:
            return answer(encode(error.status()), error.code)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        path = tuple(request.path.strip("/").split("/"))
        if path in HEALTH:
            return web.Response(text="ok")
        user = self._gate.user_of(request)
        if (document := self._document(path)) is not None:
            return answer(encode(document))
        if path == COMPACT and request.method == "POST":
            self._verbs.compact()
            return web.Response(text="compacted")
        target = read_target(path, self._resources)
        query = request.query
        is_watch = query.get("watch", "false").lower() not in NO_WATCH
        verb = verb_of(request.method, target, is_watch=is_watch)
        self._gate.check(user, verb, target)
        asked = Asked(request=request, query=query, target=target, user=user)
        return await VERBS[verb](self._verbs, asked)

    def _document(self, path: tuple[str, ...]) -> Object | None:
        """What every client may read, to learn what there is."""
        if len(path) > DEEPEST_DOCUMENT and path[0] != "openapi":
            return None
        match path:
            case ["version"]:
                return discovery.VERSION
            case ["api"]:
                return discovery.CORE_VERSIONS
            case ["apis"]:
                return discovery.groups(self._resources)
            case ["api", version]:
                return discovery.resource_list(self._resources, "", version)
            case ["apis", group]:
                return discovery.group(self._resources, group)
            case ["apis", group, version]:
                return discovery.resource_list(self._resources, group, version)
            case ["openapi", "v2"]:
                return openapi.V2
            case ["openapi", "v3"]:
                return openapi.index(self._resources)
            case ["openapi", "v3", *prefix]:
                return openapi.document(self._resources, "/".join(prefix))
        return None


VERBS = {
    "get": Verbs.get,
    "list": Verbs.list,
    "watch": Verbs.watch,
    "create": Verbs.create,
    "update": Verbs.update,
    "patch": Verbs.patch,
    "delete": Verbs.delete,
    "deletecollection": Verbs.deletecollection,
}
