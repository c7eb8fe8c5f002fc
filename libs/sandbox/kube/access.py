"""How a client reaches the stand-in: port, certificate and token, kept as the kubeconfig it uses.

The folder holds `kubeconfig`, for clients, and `server.pem`, the server's key and certificate. Whoever
starts again in the same folder keeps both, so that a kubeconfig survives its server.
"""

import base64
import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlsplit

import trustme
import yaml

NAME = "sandbox"
"""What the kubeconfig calls its one cluster, user and context."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a server must keep to stay reachable with the kubeconfig that it once wrote.

    ``port`` 0 means that none has been taken yet. ``server_pem`` is the key with its certificate.
    """

    port: int
    token: str
    ca_pem: bytes
    server_pem: bytes

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def tls(self) -> ssl.SSLContext:
        """What the server shows to its clients."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.server_pem)
            file.flush()
            context.load_cert_chain(file.name)
        return context


def new_access() -> Access:
    """A certificate authority and a token that nobody has seen before."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    return Access(
        port=0,
        token=token_urlsafe(32),
        ca_pem=authority.cert_pem.bytes(),
        server_pem=certificate.private_key_and_cert_chain_pem.bytes(),
    )


def read_access(directory: Path) -> Access | None:
    """What an earlier server left in *directory*, if it left anything."""
    kubeconfig, server_pem = directory / "kubeconfig", directory / "server.pem"
    if not (kubeconfig.exists() and server_pem.exists()):
        return None
    config = yaml.safe_load(kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    return Access(
        port=urlsplit(cluster["server"]).port or 0,
        token=config["users"][0]["user"]["token"],
        ca_pem=base64.b64decode(cluster["certificate-authority-data"]),
        server_pem=server_pem.read_bytes(),
    )


def write_access(access: Access, directory: Path) -> Path:
    """Leave *access* in *directory*, readable by its owner alone, and say where the kubeconfig is."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(directory / "server.pem", access.server_pem)
    kubeconfig = directory / "kubeconfig"
    write_private(kubeconfig, yaml.safe_dump(_kubeconfig(access), sort_keys=False).encode())
    return kubeconfig


def write_private(path: Path, content: bytes) -> None:
    """Replace *path* in one step, so that nobody reads half of it; only its owner may read it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(temporary).replace(path)


def _kubeconfig(access: Access) -> dict[str, Any]:
    authority = base64.b64encode(access.ca_pem).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": NAME, "cluster": {"server": access.url, "certificate-authority-data": authority}}
        ],
        "users": [{"name": NAME, "user": {"token": access.token}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME, "namespace": "default"}}],
        "current-context": NAME,
    }
