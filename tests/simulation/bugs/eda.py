"""Mistakes about EDA, of which nothing is heard but what its playbooks leave on the resource."""

from collections.abc import Mapping

from simulation.bugs.bug import Bug


class ImpatientWithPlaybooks(Bug):
    """A deletion waits for no playbook that may be at work."""

    environ: Mapping[str, str] = {"CLOUDKIT_EDA_PATIENCE": "0s"}
