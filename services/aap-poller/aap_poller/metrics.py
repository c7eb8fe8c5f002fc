"""What aap-poller counts."""

from prometheus_client import Counter, Gauge, Histogram

AAP_REQUESTS = Counter("cloudkit_aap_requests_total", "Requests to AAP", ["route", "status"])
AAP_SECONDS = Histogram("cloudkit_aap_request_seconds", "How long AAP takes to answer", ["route"])
LAUNCHES = Counter("cloudkit_launches_total", "Launches by how they went", ["type", "outcome"])
CANCELS = Counter(
    "cloudkit_cancels_total",
    "Cancels that were asked for before a cleanup: accepted, forbidden, or ended (the job had, meanwhile).",
    ["outcome"],
)
DUPLICATE_LAUNCHES = Counter(
    "cloudkit_duplicate_launches_total", "Jobs that ran beside the recorded one; must stay at zero"
)
ADOPTIONS = Counter("cloudkit_adoptions_total", "Jobs found in AAP whose launch nobody saw succeed")
SWEEP_ROWS = Counter("cloudkit_sweep_rows_total", "Rows that sweeps read")
LAST_SWEEP = Gauge("cloudkit_last_sweep_timestamp_seconds", "When a sweep last succeeded")
