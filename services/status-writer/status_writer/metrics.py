"""What the status-writer alone counts."""

from prometheus_client import Counter

KUBERNETES_EVENTS = Counter(
    "cloudkit_kubernetes_events_total",
    "Notices about instances, by what became of them: told, dropped, or the kind of error.",
    ["outcome"],
)
