"""One Lease of Kubernetes (coordination.k8s.io/v1), as a `cloudkit.runtime.lease.Lease`, and where it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from cloudkit.contracts.errors import Misconfigured, NotFound
from cloudkit.contracts.instance import decode
from cloudkit.runtime.kube.client import MERGE_PATCH, KubeClient, Request, is_in_a_pod
from cloudkit.runtime.kube.watching import Versioned
from cloudkit.runtime.lease import LeaseEntry, LeaseSpec

API_VERSION = "coordination.k8s.io/v1"
AUTO, OFF = "auto", "off"
NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Where Kubernetes tells a pod its namespace."""


@dataclass(frozen=True)
class LeaseName:
    """Which Lease."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class _Resource(Versioned, frozen=True):
    """The part of a Lease that we read."""

    spec: LeaseSpec = LeaseSpec()


class KubeLease:
    """Reads and writes through the API server. Labels, and whatever else others add, stay as they are."""

    def __init__(self, client: KubeClient, lease: LeaseName) -> None:
        self._client = client
        self._lease = lease
        self._collection = f"/apis/{API_VERSION}/namespaces/{quote(lease.namespace, safe='')}/leases"
        self._path = f"{self._collection}/{quote(lease.name, safe='')}"

    async def read(self) -> LeaseEntry | None:
        """See the port."""
        try:
            return _entry(await self._client.request(Request(path=self._path)))
        except NotFound:
            return None

    async def create(self, spec: LeaseSpec) -> LeaseEntry:
        """See the port."""
        metadata = {"name": self._lease.name, "namespace": self._lease.namespace}
        body = {"apiVersion": API_VERSION, "kind": "Lease", "metadata": metadata, "spec": spec}
        return _entry(await self._client.request(Request(method="POST", path=self._collection, body=body)))

    async def change(self, known: LeaseEntry, spec: LeaseSpec) -> LeaseEntry:
        """See the port."""
        body = {"metadata": {"resourceVersion": known.version}, "spec": spec}
        request = Request(method="PATCH", path=self._path, body=body, content_type=MERGE_PATCH)
        return _entry(await self._client.request(request))


def find_lease(
    wanted: str, default: str, environ: Mapping[str, str], *, namespace_file: Path = NAMESPACE_FILE
) -> LeaseName | None:
    """The Lease that *wanted* names, ``<namespace>/<name>``, or None if it says ``off``.

    ``auto`` is *default* in the namespace of our pod, and off where there is none. Raises `Misconfigured`.
    """
    if wanted == OFF or (wanted == AUTO and not is_in_a_pod(environ)):
        return None
    if wanted != AUTO:
        return LeaseName(*wanted.split("/"))
    try:
        return LeaseName(namespace_file.read_text().strip(), default)
    except OSError as error:
        raise Misconfigured(
            f"CLOUDKIT_LEASE is auto, but this pod does not know its namespace ({error}): "
            "set it to a namespace and name, or to off"
        ) from error


def _entry(data: bytes) -> LeaseEntry:
    resource = decode(data, _Resource)
    return LeaseEntry(resource.spec, resource.metadata.resource_version)
