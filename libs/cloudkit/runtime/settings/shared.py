"""Settings that several services have in common. A service inherits the groups it needs."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cloudkit.runtime.settings.declare import setting
from cloudkit.runtime.settings.kinds import choice, duration, integer, nats_urls, optional, path, port, text


class LogLevel(StrEnum):
    """The least important messages that are still logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How log messages look."""

    AUTO = "auto"
    """For people on a terminal, otherwise JSON."""
    JSON = "json"
    CONSOLE = "console"


@dataclass(frozen=True, kw_only=True)
class NatsSettings:
    """What whoever uses the bus can be told: services and commands."""

    nats_url: str = setting(
        "CLOUDKIT_NATS_URL",
        nats_urls,
        default="nats://127.0.0.1:4222",
        doc="Where NATS is; several servers of one cluster, separated by commas.",
    )


@dataclass(frozen=True, kw_only=True)
class CommonSettings(NatsSettings):
    """What every service can be told."""

    nats_replicas: int = setting(
        "CLOUDKIT_NATS_REPLICAS",
        integer,
        default="1",
        minimum=1,
        maximum=5,
        doc="On how many servers NATS keeps the streams that do not exist yet; 3 in production.",
    )
    http_port: int | None = setting(
        "CLOUDKIT_HTTP_PORT",
        port,
        default="8080",
        doc="Port of /livez, /readyz and /metrics; 0 for none, auto for one that the system chooses.",
    )
    log_level: LogLevel = setting(
        "CLOUDKIT_LOG_LEVEL", choice(LogLevel), default="info", doc="The least that is logged."
    )
    log_format: LogFormat = setting(
        "CLOUDKIT_LOG_FORMAT",
        choice(LogFormat),
        default="auto",
        doc="json, console, or auto: console on a terminal, otherwise json.",
    )
    ready_file: Path | None = setting(
        "CLOUDKIT_READY_FILE",
        optional(path),
        default="",
        doc='Written once the service has started, for who supervises it: {"pid": …, "http": its port}.',
    )
    shutdown_grace: float = setting(
        "CLOUDKIT_SHUTDOWN_GRACE",
        duration,
        default="10s",
        minimum=0.1,
        doc="How long work under way may go on after SIGTERM, and how long connections may take to close; "
        "the pod needs a termination grace period of more than twice this.",
    )


@dataclass(frozen=True, kw_only=True)
class NamespaceSettings:
    """What services can be told that look at ComputeInstances in Kubernetes."""

    compute_instance_namespace: str = setting(
        "CLOUDKIT_COMPUTE_INSTANCE_NAMESPACE",
        text,
        default="",
        doc="The one namespace whose ComputeInstances are looked after; all of them, unless set.",
    )
