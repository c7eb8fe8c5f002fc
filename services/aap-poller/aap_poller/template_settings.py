"""Which templates are launched, and what they get.

::

    of each type   its own name, if it is set     CLOUDKIT_AAP_PROVISION_TEMPLATE, …_DEPROVISION_TEMPLATE
                   or else the prefix             CLOUDKIT_AAP_TEMPLATE_PREFIX-create-compute-instance, …
                   or else it is Misconfigured
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aap_poller.payload import Payload
from cloudkit.contracts.jobs import JobType
from cloudkit.runtime.settings import choice, setting, text

PREFIX = "CLOUDKIT_AAP_TEMPLATE_PREFIX"
SUFFIXES = {JobType.PROVISION: "create-compute-instance", JobType.DEPROVISION: "delete-compute-instance"}
"""The names that playbooks of OSAC have behind the prefix."""


@dataclass(frozen=True, kw_only=True)
class TemplateSettings:
    """Names of templates are those in AAP, letter by letter."""

    provision_template: str = setting(
        "CLOUDKIT_AAP_PROVISION_TEMPLATE",
        text,
        default="",
        instead=PREFIX,
        doc="Name of the job or workflow template that provisions; required without a prefix.",
    )
    deprovision_template: str = setting(
        "CLOUDKIT_AAP_DEPROVISION_TEMPLATE",
        text,
        default="",
        instead=PREFIX,
        doc="Name of the template that removes the machine; required without a prefix.",
    )
    template_prefix: str = setting(
        PREFIX,
        text,
        default="",
        doc="Prefix of both names, where they are not set: "
        "`<prefix>-create-compute-instance` and `<prefix>-delete-compute-instance`.",
    )
    organization: str = setting(
        "CLOUDKIT_AAP_ORGANIZATION",
        text,
        default="",
        doc="Name of the organization whose templates are meant, if others have templates of these names.",
    )
    payload: Payload = setting(
        "CLOUDKIT_AAP_PAYLOAD",
        choice(Payload),
        default="ansible_eda",
        doc="Where the playbooks look for the resource: `ansible_eda.event.payload`, "
        "`osac_job_vars.resource`, or in both.",
    )

    @property
    def templates(self) -> Mapping[JobType, str]:
        """The name of the template for each type of job."""
        named = {
            JobType.PROVISION: self.provision_template,
            JobType.DEPROVISION: self.deprovision_template,
        }
        return {type: name or f"{self.template_prefix}-{SUFFIXES[type]}" for type, name in named.items()}
