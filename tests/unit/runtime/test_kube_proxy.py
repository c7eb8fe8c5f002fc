"""The client and proxies: the environment's are used where they are meant to be, and nowhere else."""

from pathlib import Path

import pytest

from cloudkit.runtime.kube import connect_kube
from cloudkit.runtime.kube.client import Request
from unit.runtime.unruly_kube import UnrulyKube, page, serving, write_kubeconfig

CASES = {
    "a server beyond the proxy is reached through it": ("kube.invalid", "", 1),
    "a server that is exempt is reached directly": ("127.0.0.1", "127.0.0.1", 0),
}


@pytest.mark.parametrize(("host", "exempt", "through_the_proxy"), CASES.values(), ids=CASES)
async def test_the_proxy_of_the_environment(
    host: str, exempt: str, through_the_proxy: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kube, proxy = UnrulyKube(lists=[page(version=1)]), UnrulyKube(lists=[page(version=1)])
    async with serving(kube), serving(proxy):
        for variable in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        for variable in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(variable, exempt)
        kubeconfig = write_kubeconfig(tmp_path / "config", f"http://{host}:{kube.port}")
        async with connect_kube({"KUBECONFIG": str(kubeconfig)}) as client:
            await client.request(Request(path="/anything"))
    assert (len(kube.asked), len(proxy.asked)) == (1 - through_the_proxy, through_the_proxy)
