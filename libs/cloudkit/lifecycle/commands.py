"""What people can type to have an instance go on: each a whole command, to be copied as it is."""

from cloudkit.contracts.instance import (
    ABANDON_ANNOTATION,
    MANAGEMENT_ANNOTATION,
    PAUSED_ANNOTATION,
    RETRY_ANNOTATION,
    ComputeInstance,
)


def try_again(instance: ComputeInstance) -> str:
    """Have what failed or was canceled tried again, at once."""
    return _annotate(instance, f'--overwrite {RETRY_ANNOTATION}="$(date +%s)"')


def resume(instance: ComputeInstance) -> str:
    """Have it paused no longer."""
    return _annotate(instance, f"{PAUSED_ANNOTATION}-")


def manage(instance: ComputeInstance) -> str:
    """Have us look after it again."""
    return _annotate(instance, f"{MANAGEMENT_ANNOTATION}-")


def abandon(instance: ComputeInstance, number: int) -> str:
    """Have nobody wait for EDA job *number* any longer."""
    return _annotate(instance, f'--overwrite {ABANDON_ANNOTATION}="{number}"')


def delete(instance: ComputeInstance) -> str:
    """Have it removed, with whatever it may have."""
    ref = instance.ref
    return f"kubectl delete computeinstance {ref.name} -n {ref.namespace}"


def make_anew(instance: ComputeInstance) -> str:
    """The same, and create it anew as it is now, with a uid and a life of its own."""
    ref = instance.ref
    return f"kubectl get computeinstance {ref.name} -n {ref.namespace} -o yaml | kubectl replace --force -f -"


def _annotate(instance: ComputeInstance, change: str) -> str:
    ref = instance.ref
    return f"kubectl annotate computeinstance {ref.name} -n {ref.namespace} {change}"
