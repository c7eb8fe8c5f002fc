"""What the watcher can be told."""

from dataclasses import dataclass

from cloudkit.runtime.settings import CommonSettings, NamespaceSettings, PolicySettings


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings, NamespaceSettings, PolicySettings):
    """Where things are, whose instances to look after, and how patiently."""
