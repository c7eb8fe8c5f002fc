"""Every Prometheus metric that more than one service has, in one place."""

from prometheus_client import Counter, Gauge, Histogram

MESSAGES = Counter(
    "cloudkit_messages_total",
    "Messages that were handled, by how that ended: done, later, never, malformed, crashed, retried.",
    ["subscription", "answer"],
)
MESSAGE_SECONDS = Histogram(
    "cloudkit_message_seconds",
    "How long handlers take, in seconds.",
    ["subscription"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
MESSAGES_IN_FLIGHT = Gauge(
    "cloudkit_messages_in_flight",
    "Messages that are being handled now.",
    ["subscription"],
)
DEAD_LETTERS = Counter(
    "cloudkit_dead_letters_total",
    "Messages that nobody could handle, put aside with the reason.",
    ["subscription", "reason"],
)

UNREADABLE_EVENTS = Counter(
    "cloudkit_unreadable_events_total", "How often an event in the job log was skipped that cannot be read."
)

KUBERNETES_REQUESTS = Histogram(
    "cloudkit_kubernetes_request_seconds",
    "How long requests to the API server took, in seconds; outcome is answered or the kind of error.",
    ["method", "outcome"],
)
FEED_LISTS = Counter("cloudkit_feed_lists_total", "How often all instances were read.")
FEED_EVENTS = Counter("cloudkit_feed_events_total", "Events of the watch on instances.", ["type"])
FEED_TROUBLES = Counter(
    "cloudkit_feed_troubles_total",
    "How often the feed of instances was interrupted, by kind of error.",
    ["kind"],
)
UNREADABLE_INSTANCES = Counter(
    "cloudkit_unreadable_instances_total", "How often an instance was skipped that cannot be read."
)

LANE_FAILURES = Counter(
    "cloudkit_lane_failures_total",
    "How often work on an instance failed and is tried again, by kind of error.",
    ["kind"],
)
DECISIONS = Counter(
    "cloudkit_decisions_total",
    "Decisions on instances, by what they asked for: a verb for each intent, or nothing.",
    ["asked"],
)
STATUS_WRITES = Counter(
    "cloudkit_status_writes_total",
    "Writes to instances: status, adopt, mark, release; by how they ended: written, or the kind of error.",
    ["write", "result"],
)
ORPHANED_JOBS = Counter(
    "cloudkit_orphaned_jobs_total",
    "Jobs whose instance is gone and whose machine nobody removed: a person has to look.",
)

EDA_JOBS = Counter(
    "cloudkit_eda_jobs_total",
    "Jobs of EDA that ended, by how: succeeded, failed (left nothing in time), or abandoned (nobody waits).",
    ["type", "outcome"],
)
