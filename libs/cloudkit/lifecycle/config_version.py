"""Config versions: a short name for what a spec asks for.

``v1-`` and the first 16 hex digits of the SHA-256 of the spec's canonical JSON (keys sorted, no blanks;
without the wish for a restart, which asks for no other machine). The prefix names the algorithm: when it
changes, what was in sync stays in sync.
"""

from hashlib import sha256

import msgspec

from cloudkit.contracts.instance import RESTART_FIELD, ComputeInstance, decode
from cloudkit.contracts.jobs import JobRecord

ALGORITHM = "v1"


def config_version(spec: msgspec.Raw) -> str:
    """The version of a raw JSON *spec*. Raises `Malformed`."""
    wanted = decode(spec, dict)
    wanted.pop(RESTART_FIELD, None)
    canonical = msgspec.json.encode(wanted, order="sorted")
    return f"{ALGORITHM}-{sha256(canonical).hexdigest()[:16]}"


def applied_version(instance: ComputeInstance, provisioned: JobRecord) -> str:
    """The version that *provisioned*, the newest and succeeded provision job, brought about.

    A version of another algorithm, which was in sync and whose spec has not changed since, is taken
    over as the present one: an upgrade must not run every machine's playbook again. (Other controllers
    may leave out the version of a job, and the generation that they observed.)
    """
    if _is_ours(provisioned.config_version):
        return provisioned.config_version
    status = instance.status
    if _is_ours(status.reconciled_config_version):
        return status.reconciled_config_version
    known = provisioned.config_version or status.reconciled_config_version
    in_sync = known == status.reconciled_config_version == status.desired_config_version
    unchanged = status.observed_generation in (0, instance.metadata.generation)
    return config_version(instance.spec) if known and in_sync and unchanged else known


def _is_ours(version: str) -> bool:
    return version.startswith(f"{ALGORITHM}-")
