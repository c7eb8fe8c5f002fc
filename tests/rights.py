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
    """What each of our services may do, everywhere."""
    roles = {one["metadata"]["name"]: frozenset(_rights(one)) for one in _of_kind("ClusterRole")}
    bindings = [
        (_user(subject), one) for one in _of_kind("ClusterRoleBinding") for subject in one["subjects"]
    ]
    return {
        service: frozenset().union(
            *(roles[binding["roleRef"]["name"]] for user, binding in bindings if user == account(service))
        )
        for service in SERVICES
    }


def mounts_a_token() -> dict[str, bool]:
    """Whether a pod of each service gets a token, unless it asks for something else."""
    accounts = {one["metadata"]["name"]: one for one in _of_kind("ServiceAccount")}
    return {
        service: accounts[f"cloudkit-{service}"].get("automountServiceAccountToken", True)
        for service in SERVICES
    }


def _of_kind(kind: str) -> list[dict[str, Any]]:
    return [one for one in manifests() if one["kind"] == kind]


def _rights(role: Mapping[str, Any]) -> Iterator[Right]:
    for rule in role["rules"]:
        assert rule.keys() == {"apiGroups", "resources", "verbs"}, "teach this to read the other fields"
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    yield Right(verb, group, resource)


def _user(subject: Mapping[str, str]) -> str:
    return f"system:serviceaccount:{subject['namespace']}:{subject['name']}"
