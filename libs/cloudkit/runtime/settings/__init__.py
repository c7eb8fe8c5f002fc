"""Settings: declared once, read from the environment once, described from the same declaration."""

from cloudkit.runtime.settings.declare import Row, describe, misspelled, read_settings, setting
from cloudkit.runtime.settings.kinds import (
    Kind,
    Secret,
    choice,
    duration,
    flag,
    integer,
    nats_urls,
    number,
    optional,
    path,
    port,
    secret,
    text,
    url,
)
from cloudkit.runtime.settings.policy import PolicySettings
from cloudkit.runtime.settings.shared import CommonSettings, LogFormat, LogLevel, NamespaceSettings

__all__ = [
    "CommonSettings",
    "Kind",
    "LogFormat",
    "LogLevel",
    "NamespaceSettings",
    "PolicySettings",
    "Row",
    "Secret",
    "choice",
    "describe",
    "duration",
    "flag",
    "integer",
    "misspelled",
    "nats_urls",
    "number",
    "optional",
    "path",
    "port",
    "read_settings",
    "secret",
    "setting",
    "text",
    "url",
]
