"""Traces: one from the intent to the job event that it led to, across services.

Message headers carry W3C trace context whether anybody collects traces or not. They are exported when
OpenTelemetry's own variable ``OTEL_EXPORTER_OTLP_ENDPOINT`` says where to, and the extra ``otel`` is
installed. Every other ``OTEL_…`` variable means what OpenTelemetry documents.
"""

from collections.abc import Mapping

from opentelemetry import trace

from cloudkit.contracts.errors import Misconfigured

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def export_traces(service: str, environ: Mapping[str, str]) -> None:
    """Export the traces of *service* if *environ* asks for it. Raises `Misconfigured`."""
    if not environ.get(ENDPOINT):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415  # an extra
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource  # noqa: PLC0415  # an extra
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  # an extra
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415  # an extra
    except ImportError:
        problem = f"{ENDPOINT} is set, but the extra is missing: pip install 'cloudkit-provisioner[otel]'"
        raise Misconfigured(problem) from None
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: f"cloudkit-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
