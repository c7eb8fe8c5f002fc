"""Which machine a job is about, read from its extra_vars."""

from enum import StrEnum

import msgspec


class Purpose(StrEnum):
    """What a template's playbook does to a machine."""

    PROVISION = "provision"
    DEPROVISION = "deprovision"
    OTHER = "other"


def purpose_of(template_name: str) -> Purpose:
    """What a template of this name is for."""
    if "delete" in template_name or "deprovision" in template_name:
        return Purpose.DEPROVISION
    if "create" in template_name or "provision" in template_name:
        return Purpose.PROVISION
    return Purpose.OTHER


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The resource in a job's extra_vars. ``number`` is ``cloudkit_job``; empty where there is none.

    ``by_rulebook``: Event-Driven Ansible launched it, by a rule of a rulebook.
    """

    namespace: str = ""
    name: str = ""
    uid: str = ""
    vcpu: float = 0
    number: str = ""
    by_rulebook: bool = False


class _Metadata(msgspec.Struct, frozen=True):
    namespace: str = ""
    name: str = ""
    uid: str = ""


class _Spec(msgspec.Struct, frozen=True):
    vcpu: float | str | None = None


class _Resource(msgspec.Struct, frozen=True):
    metadata: _Metadata = _Metadata()
    spec: _Spec = _Spec()


class _Event(msgspec.Struct, frozen=True):
    payload: _Resource | None = None


class _EventDriven(msgspec.Struct, frozen=True):
    ruleset: str = ""
    event: _Event = _Event()


class _JobVariables(msgspec.Struct, frozen=True):
    resource: _Resource | None = None


class _ExtraVars(msgspec.Struct, frozen=True):
    ansible_eda: _EventDriven = _EventDriven()
    osac_job_vars: _JobVariables = _JobVariables()
    cloudkit_job: str = ""


def read_subject(extra_vars: bytes) -> Subject:
    """The machine that *extra_vars* (JSON) speak of; an empty subject if they speak of none."""
    try:
        found = msgspec.json.decode(extra_vars, type=_ExtraVars)
    except msgspec.ValidationError:
        return Subject()
    resource = found.ansible_eda.event.payload or found.osac_job_vars.resource or _Resource()
    vcpu = resource.spec.vcpu
    return Subject(
        namespace=resource.metadata.namespace,
        name=resource.metadata.name,
        uid=resource.metadata.uid,
        vcpu=vcpu if isinstance(vcpu, float | int) else 0,
        number=found.cloudkit_job,
        by_rulebook=bool(found.ansible_eda.ruleset),
    )
