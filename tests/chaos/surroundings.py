"""The world that is struck: two replicas of every service, both providers, NATS alone or as a cluster."""

from dataclasses import replace
from pathlib import Path

from cloudkit.contracts.jobs import Provider
from e2e.world import plan as plan_world
from sandbox.stack import Plan, services_for

PATIENCE = {
    "CLOUDKIT_AAP_LOST_ANSWER_TIMEOUT": "30s",
    "CLOUDKIT_AAP_REQUEST_TIMEOUT": "5s",
    "CLOUDKIT_EDA_JOB_TIMEOUT": "45s",
    "CLOUDKIT_EDA_PATIENCE": "45s",
    "CLOUDKIT_EDA_RESEND_AFTER": "20s",
    "CLOUDKIT_EDA_REQUEST_TIMEOUT": "5s",
    "CLOUDKIT_MAX_ATTEMPTS": "20",
}
"""Longer than a freeze (5 s), a claim's age (10 s) and a request on its way (7 s) together, so that
whoever gives up on a job is right; short enough not to be waited for long."""


def plan(directory: Path, *, nodes: int) -> Plan:
    """A stack in *directory* with so many *nodes* of NATS."""
    services = services_for(*Provider)
    made = plan_world(
        directory,
        services=services,
        replicas=dict.fromkeys(services, 2),
        environment=PATIENCE,
    )
    return replace(made, nats_nodes=nodes, kube_arguments=("--keep",))
