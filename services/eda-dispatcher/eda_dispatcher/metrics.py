"""What eda-dispatcher counts."""

from prometheus_client import Counter, Histogram

WEBHOOKS = Counter("cloudkit_eda_webhooks_total", "Webhooks by how they went", ["type", "outcome"])
WEBHOOK_SECONDS = Histogram("cloudkit_eda_webhook_seconds", "How long EDA takes to answer", ["type"])
