"""What a playbook gets, and where in its variables it finds it.

::

    ansible_eda:   {event: {payload: <resource>}}    playbooks of the EDA days
    osac_job_vars: {resource: <resource>}            playbooks of OSAC since
    cloudkit_job:  <namespace>/<name>/<uid>/<n>      always: by this key the job is found again
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeAlias

import msgspec

from aap_poller.rows import JobKey
from cloudkit.contracts.errors import Refused, TooLarge
from cloudkit.contracts.intents import Deprovision, Provision

Launchable: TypeAlias = Provision | Deprovision


class Payload(StrEnum):
    """Where the playbooks look for the resource."""

    ANSIBLE_EDA = "ansible_eda"
    OSAC_JOB_VARS = "osac_job_vars"
    BOTH = "both"
    """For a while of change; each job is twice as large in AAP."""


def extra_vars(intent: Launchable, payload: Payload = Payload.ANSIBLE_EDA) -> dict[str, Any]:
    """The variables of the job that *intent* asks for."""
    variables: dict[str, Any] = {"cloudkit_job": str(JobKey(intent.instance, intent.number))}
    if payload is not Payload.OSAC_JOB_VARS:
        variables["ansible_eda"] = {"event": {"payload": intent.resource}}
    if payload is not Payload.ANSIBLE_EDA:
        variables["osac_job_vars"] = {"resource": intent.resource}
    return variables


def too_large_for_aap(variables: Mapping[str, Any], refused: Refused) -> Refused:
    """Why a launch was answered with 413 (*refused*), which is what proxies say."""
    size = len(msgspec.json.encode(variables))
    text = (
        f"The resource is too large for what stands before AAP: with it, a launch has about {size} bytes. "
        f"Raise its limit (client_max_body_size of nginx), or make the resource smaller ({refused.message})"
    )
    return TooLarge(text, size=size, system="AAP", status=refused.status)
