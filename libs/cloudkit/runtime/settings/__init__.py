"""Settings: declared once, read from the environment once, described from the same declaration."""

from cloudkit.runtime.settings.declare import Row, describe, misspelled, read_settings, setting
from cloudkit.runtime.settings.kinds import (
    Kind,
    Secret,
    choice,
    choices,
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
    words,
)
from cloudkit.runtime.settings.policy import PatienceSettings, PolicySettings, ProviderSettings
from cloudkit.runtime.settings.shared import CommonSettings, LogFormat, LogLevel, NamespaceSettings

__all__ = [
    "CommonSettings",
    "Kind",
    "LogFormat",
    "LogLevel",
    "NamespaceSettings",
    "PatienceSettings",
    "PolicySettings",
    "ProviderSettings",
    "Row",
    "Secret",
    "choice",
    "choices",
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
    "words",
]
