"""What a person is told who has just started everything and wonders what to do with it."""

from dataclasses import dataclass
from pathlib import Path

from sandbox.stack import EdaAccess, Stack


@dataclass(frozen=True)
class File:
    """A file to be written beside the kubeconfig."""

    name: str
    text: str


EXAMPLE = File(
    "example.yaml",
    """\
# kubectl apply -f this file. Names that the AAP stand-in knows: *-fail, *-stuck, *-slow, *-undeletable.
apiVersion: cloudkit.openshift.io/v1alpha1
kind: ComputeInstance
metadata:
  name: web
  namespace: default
spec:
  vcpu: 2
  memory: 4096
  disk: 20
""",
)


def advice(stack: Stack, directory: Path) -> str:
    """Where everything is, and three commands to begin with."""
    places = {
        "Kubernetes": f"KUBECONFIG={stack.kubeconfig}",
        "AAP": f"{stack.aap.url}  (token {stack.aap.token})",
        **_eda(stack.eda),
        "NATS": stack.nats.url,
        **{name: f"{stack.http(stack.process(name))}/readyz and /metrics" for name in stack.plan.services},
        "logs": f"{stack.plan.directory}/*.log",
    }
    width = max(map(len, places))
    return "\n".join(
        [
            "",
            *(f"  {what:<{width}}  {where}" for what, where in places.items()),
            "",
            "In another terminal:",
            "",
            f"  export KUBECONFIG={stack.kubeconfig}",
            f"  kubectl apply -f {directory / EXAMPLE.name}",
            "  kubectl get computeinstances --watch",
            "",
            "Ctrl-C stops all of it.",
            "",
        ]
    )


def _eda(eda: EdaAccess | None) -> dict[str, str]:
    return {} if eda is None else {"EDA": f"{eda.url}  (token {eda.token})"}
