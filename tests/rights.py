"""What `deploy/base/rbac.yaml` grants to whom."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from fromcode.program import ROOT
from sandbox.kube.accounts import Right
from sandbox.stack import SERVICES

MANIFEST = ROOT / "deploy" / "base" / "rbac.yaml"
NAMESPACE = "cloudkit-system"


def account(service: str, namespace: str = NAMESPACE) -> str:
    """The user that a pod of *service* is to the API server."""
    return f"system:serviceaccount:{namespace}:cloudkit-{service}"


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(MANIFEST.read_text()))


def granted() -> dict[str, frozenset[Right]]:
    """What each of our services may do, everywhere or, as a Role says, in the namespace that is ours."""
    return {service: _granted(account(service)) for service in SERVICES}


def granted_by_role() -> frozenset[tuple[str, Right]]:
    """What anybody may do in our namespace alone: the name of the object ("" for any), and the right."""
    return frozenset((name, right) for role in _of_kind("Role") for name, right in _rights(role))


def _granted(user: str) -> frozenset[Right]:
    return frozenset(
        right
        for kind in ("ClusterRole", "Role")
        for binding in _of_kind(f"{kind}Binding")
        if user in map(_user, binding["subjects"])
        for role in _of_kind(kind)
        if role["metadata"]["name"] == binding["roleRef"]["name"]
        for _, right in _rights(role)
    )


def mounts_a_token() -> dict[str, bool]:
    """Whether a pod of each service gets a token, unless it asks for something else."""
    accounts = {one["metadata"]["name"]: one for one in _of_kind("ServiceAccount")}
    return {
        service: accounts[f"cloudkit-{service}"].get("automountServiceAccountToken", True)
        for service in SERVICES
    }


def _of_kind(kind: str) -> list[dict[str, Any]]:
    return [one for one in manifests() if one["kind"] == kind]


def _rights(role: Mapping[str, Any]) -> Iterator[tuple[str, Right]]:
    """Each right with the name of the object that it is about; "" for any."""
    for rule in role["rules"]:
        others = rule.keys() - {"apiGroups", "resources", "verbs", "resourceNames"}
        assert not others, f"teach this to read {others}"
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames", [""]):
                        yield name, Right(verb, group, resource)


def _user(subject: Mapping[str, str]) -> str:
    return f"system:serviceaccount:{subject['namespace']}:{subject['name']}"
