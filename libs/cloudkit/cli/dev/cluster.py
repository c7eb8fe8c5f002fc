"""A real cluster in place of the stand-in: it must know what a ComputeInstance is."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import aiohttp
import typer
from kubernetes_asyncio.client import ApiClient, ApiException, ApiextensionsV1Api
from kubernetes_asyncio.config import ConfigException, new_client_from_config

from cloudkit.contracts.instance import GROUP, PLURAL
from sandbox.kube.crds import crd_path, read_manifests

T = TypeVar("T")

CRD = f"{PLURAL}.{GROUP}"
LIMIT = 30
"""Seconds for one request; the client would wait for ever by itself."""


class NotPrepared(Exception):
    """Raised when the cluster cannot be used; the text says what to do."""


def prepare_cluster(kubeconfig: Path, *, install: bool) -> None:
    """See that the cluster has the CRD, or install it: at once if *install*, otherwise after asking.

    Raises `NotPrepared`.
    """
    if _ask(kubeconfig, _knows_the_crd):
        return
    question = f"The cluster of {kubeconfig} has no CRD {CRD}. Install it?"
    if not (install or typer.confirm(question)):
        raise NotPrepared(f"Without the CRD there are no ComputeInstances: kubectl apply -f {crd_path()}")
    _ask(kubeconfig, _install_the_crd)


def _ask(kubeconfig: Path, question: Callable[[ApiextensionsV1Api], Awaitable[T]]) -> T:
    """Put *question* to the cluster. Raises `NotPrepared`."""

    async def ask() -> T:
        client: ApiClient
        async with await new_client_from_config(str(kubeconfig)) as client:
            return await question(ApiextensionsV1Api(client))

    try:
        return asyncio.run(ask())
    except (ApiException, ConfigException, aiohttp.ClientError, TimeoutError) as error:
        raise NotPrepared(f"The cluster of {kubeconfig} cannot be used: {error}") from error


async def _knows_the_crd(cluster: ApiextensionsV1Api) -> bool:
    try:
        await cluster.read_custom_resource_definition(CRD, _request_timeout=LIMIT)
    except ApiException as error:
        if error.status != 404:
            raise
        return False
    return True


async def _install_the_crd(cluster: ApiextensionsV1Api) -> None:
    for manifest in read_manifests(crd_path()):
        await cluster.create_custom_resource_definition(manifest, _request_timeout=LIMIT)  # type: ignore[arg-type]  # dicts are sent as they are
