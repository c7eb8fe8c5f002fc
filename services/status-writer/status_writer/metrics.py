"""What the status-writer alone counts."""

from prometheus_client import Counter, Gauge

KUBERNETES_EVENTS = Counter(
    "cloudkit_kubernetes_events_total",
    "Notices about instances, by what became of them: told, dropped, or the kind of error.",
    ["outcome"],
)
LEADER = Gauge(
    "cloudkit_leader",
    "1 while this replica writes, 0 while it stands by or cannot have the Lease.",
)
