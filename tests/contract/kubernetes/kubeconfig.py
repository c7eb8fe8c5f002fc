"""The current context of a kubeconfig file: server, TLS and bearer token."""

import base64
import ssl
import tempfile
from pathlib import Path
from typing import Any

import yaml


class Kubeconfig:
    """Reads what the suite needs; certificates and tokens may stand in the file or beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        config = yaml.safe_load(self.path.read_text())
        chosen = _named(config["contexts"], config["current-context"])["context"]
        self._cluster = _named(config["clusters"], chosen["cluster"])["cluster"]
        self._user = _named(config["users"], chosen["user"])["user"]

    @property
    def server(self) -> str:
        url: str = self._cluster["server"]
        return url

    def headers(self) -> dict[str, str]:
        """What tells the server who we are, where a certificate does not."""
        if name := self._user.get("tokenFile"):
            return {"Authorization": f"Bearer {(self.path.parent / name).read_text().strip()}"}
        if token := self._user.get("token"):
            return {"Authorization": f"Bearer {token}"}
        return {}

    def tls(self, *, with_client_certificate: bool = True) -> ssl.SSLContext:
        authority = self._content(self._cluster, "certificate-authority")
        context = ssl.create_default_context(cadata=authority.decode() if authority else None)
        if self._cluster.get("insecure-skip-tls-verify"):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        certificate = self._content(self._user, "client-certificate")
        key = self._content(self._user, "client-key")
        if with_client_certificate and certificate and key:
            _load(context, certificate + b"\n" + key)
        return context

    def _content(self, section: dict[str, Any], key: str) -> bytes | None:
        """The file that *key* names, or the base64 text in ``*key*-data``."""
        if text := section.get(f"{key}-data"):
            return base64.b64decode(str(text))
        if name := section.get(key):
            return (self.path.parent / str(name)).read_bytes()
        return None


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


def _load(context: ssl.SSLContext, pem: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)
