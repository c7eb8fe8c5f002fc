"""How the parts of the status-writer hold each other, whatever bus, Kubernetes and clock they are given.

`status_writer.__main__` gives them the real ones, the simulation its own: what is proved there runs here.
"""

from typing import Any

from cloudkit.runtime.delivery import Subscription
from cloudkit.runtime.ports import Clock, Instances, JobLog, Noticeboard
from status_writer.announcing import Announcer
from status_writer.handlers import StatusWriter
from status_writer.settings import Settings
from status_writer.subscriptions import intents, job_events


def assemble(
    settings: Settings, *, instances: Instances, noticeboard: Noticeboard, jobs: JobLog, clock: Clock
) -> tuple[StatusWriter, tuple[Subscription[Any], ...]]:
    """Who writes, once it is working, and what it hears; nothing runs yet."""
    writer = StatusWriter(
        instances=instances,
        jobs=jobs,
        announcer=Announcer(noticeboard),
        clock=clock,
        policy=settings.policy,
        gather=settings.status_gather,
    )
    namespace = settings.compute_instance_namespace
    return writer, (intents(writer, namespace), job_events(writer, namespace))
