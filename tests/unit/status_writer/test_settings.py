"""What an operator can get wrong about the Lease, and where it is looked for."""

from pathlib import Path

import pytest

from cloudkit.contracts.errors import Misconfigured
from cloudkit.runtime.kube.leases import LeaseName, find_lease
from cloudkit.runtime.lease import LeaseTimes
from cloudkit.runtime.settings import read_settings
from status_writer.settings import Settings

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}
ELSEWHERE = POD | {"KUBECONFIG": "/somewhere/config"}


def test_the_defaults_fit_together() -> None:
    assert read_settings(Settings, {}).lease_times == LeaseTimes(duration=10, renew_deadline=7, retry=2)


@pytest.mark.parametrize(
    "environ",
    [
        {"CLOUDKIT_LEASE_DURATION": "7s"},
        {"CLOUDKIT_LEASE_RENEW_DEADLINE": "2s"},
        {"CLOUDKIT_LEASE_RETRY": "1m"},
    ],
)
def test_the_holder_has_to_stop_before_others_begin_and_to_try_before_it_stops(
    environ: dict[str, str],
) -> None:
    with pytest.raises(Misconfigured, match="CLOUDKIT_LEASE_DURATION must be longer"):
        read_settings(Settings, environ)


def test_settings_that_do_not_fit_together_are_still_found() -> None:
    with pytest.raises(Misconfigured, match="CLOUDKIT_RETRY_BASE"):
        read_settings(Settings, {"CLOUDKIT_RETRY_BASE": "1h"})


@pytest.mark.parametrize("lease", ["name", "a/b/c", "/name", "Namespace/name", "on", "name space/name"])
def test_a_lease_has_a_namespace_and_a_name(lease: str) -> None:
    with pytest.raises(Misconfigured, match=r"CLOUDKIT_LEASE is .*, but must be off, auto, or"):
        read_settings(Settings, {"CLOUDKIT_LEASE": lease})


FOUND = {
    "it is where one says": ("system/one.of-two", {}, LeaseName("system", "one.of-two")),
    "also in a pod": ("system/writer", POD, LeaseName("system", "writer")),
    "a pod has it in its own namespace": ("auto", POD, LeaseName("ours", "writer")),
    "outside of a cluster there is none": ("auto", {}, None),
    "a pod that speaks to another cluster has none": ("auto", ELSEWHERE, None),
    "who wants none has none": ("off", POD, None),
}


@pytest.mark.parametrize(("wanted", "environ", "expected"), FOUND.values(), ids=FOUND)
def test_where_it_is(
    wanted: str, environ: dict[str, str], expected: LeaseName | None, tmp_path: Path
) -> None:
    (tmp_path / "namespace").write_text("ours\n")
    assert find_lease(wanted, "writer", environ, namespace_file=tmp_path / "namespace") == expected


def test_a_pod_that_does_not_know_its_namespace_is_told_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(
        Misconfigured, match=r"CLOUDKIT_LEASE is auto.*set it to a namespace and name, or to off"
    ):
        find_lease("auto", "writer", POD, namespace_file=tmp_path / "missing")
