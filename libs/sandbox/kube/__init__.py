"""A Kubernetes API on loopback, in memory, for development and tests.

`python -m sandbox.kube --ready-file FILE` serves HTTPS with a token and writes a kubeconfig with which
kubectl and kubernetes-asyncio work as with a real API server. It has no controllers besides garbage
collection of owned objects and namespaces: no pod ever starts.
"""

from sandbox.kube.crds import crd_path

__all__ = ["crd_path"]
