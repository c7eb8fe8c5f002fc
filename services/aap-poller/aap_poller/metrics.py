"""What aap-poller counts."""

from prometheus_client import Counter, Gauge, Histogram

AAP_REQUESTS = Counter(
    "cloudkit_aap_requests_total",
    "Requests to AAP, by what was asked and the status of the answer, unanswered, or unreachable.",
    ["route", "status"],
)
AAP_SECONDS = Histogram(
    "cloudkit_aap_request_seconds",
    "How long AAP takes to answer, in seconds.",
    ["route"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120),
)
LIMITER_WAIT_SECONDS = Histogram(
    "cloudkit_aap_limiter_wait_seconds",
    "How long requests to AAP wait for their turn, in seconds.",
    buckets=(0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
AAP_CIRCUIT_OPEN = Gauge(
    "cloudkit_aap_circuit_open", "1 while AAP is away and only sweeps ask for it, otherwise 0."
)
AAP_PAUSED_UNTIL = Gauge(
    "cloudkit_aap_paused_until_timestamp_seconds",
    "Until when AAP has asked us to send nothing; it may be past. 0 if it never did.",
)
LAUNCHES = Counter("cloudkit_launches_total", "Launches by how they went", ["type", "outcome"])
LAUNCH_SECONDS = Histogram(
    "cloudkit_launch_seconds",
    "From when a launch was asked for (the latest time, if it was asked for again) until AAP took it.",
    ["type"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
)
JOBS = Counter(
    "cloudkit_jobs_total",
    "Jobs that ended, by how: succeeded, failed, canceled, or purged (nobody saw how).",
    ["type", "outcome"],
)
JOB_SECONDS = Histogram(
    "cloudkit_job_seconds",
    "How long jobs ran, from start to end by AAP's clock, in seconds.",
    ["type", "outcome"],
    buckets=(5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200),
)
END_SEEN_SECONDS = Histogram(
    "cloudkit_job_end_seen_seconds",
    "From the end of a job until it stands in the job log, by AAP's clock, in seconds.",
    buckets=(0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 1800),
)
ACTIVE_JOBS = Gauge(
    "cloudkit_active_jobs",
    "Jobs that have not ended, as this replica polled them; the sum over replicas is all of them.",
    ["type", "state"],
)
WENT_ON = Counter(
    "cloudkit_canceled_jobs_went_on_total",
    "Jobs that AAP called canceled while their playbook went on, and that ended otherwise.",
)
CANCELS = Counter(
    "cloudkit_cancels_total",
    "Cancels that were asked for before a cleanup: accepted, forbidden, or ended (the job had, meanwhile).",
    ["outcome"],
)
DUPLICATE_LAUNCHES = Counter(
    "cloudkit_duplicate_launches_total", "Jobs that ran beside the recorded one; must stay at zero"
)
ADOPTIONS = Counter("cloudkit_adoptions_total", "Jobs found in AAP whose launch nobody saw succeed")
UNREADABLE_ROWS = Counter(
    "cloudkit_aap_unreadable_jobs_total", "Jobs in AAP of which something could not be read, each once."
)
UNLISTABLE_JOBS = Gauge(
    "cloudkit_aap_unlistable_jobs",
    "Jobs that break the lists of AAP, as far as this replica knows; they are asked for by themselves.",
)
SWEEP_ROWS = Counter("cloudkit_sweep_rows_total", "Rows that sweeps read")
LAST_SWEEP = Gauge("cloudkit_last_sweep_timestamp_seconds", "When a sweep last succeeded")
SWEEP_AGE = Gauge(
    "cloudkit_sweep_age_seconds", "How long ago a sweep last succeeded, or this process began, in seconds."
)
