"""Notices: what `kubectl describe` tells of an instance, each as a Kubernetes Event."""

from enum import StrEnum

import msgspec


class NoticeType(StrEnum):
    """The words of Kubernetes."""

    NORMAL = "Normal"
    WARNING = "Warning"


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something about an instance that a person would want to know.

    ``reason`` is why, in one word of CamelCase, ``action`` what was being done (both at most 128 bytes),
    ``note`` the sentence for people (at most 1,024 bytes), as events.k8s.io demands them.
    """

    type: NoticeType
    reason: str
    action: str
    note: str
