"""Traces leave the process when OpenTelemetry's own variable says where to."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

TRACED = """
import os
from opentelemetry import trace
from cloudkit.runtime.telemetry import export_traces
export_traces("watcher", os.environ)
with trace.get_tracer("test").start_as_current_span("a span to be seen"):
    pass
if hasattr(trace.get_tracer_provider(), "shutdown"):
    trace.get_tracer_provider().shutdown()
"""


class Collector(ThreadingHTTPServer):
    """Keeps what is exported to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.received: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a test's output is its own."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    return subprocess.run(
        [sys.executable, "-c", TRACED],
        env=inherited | environment | {"NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_spans_are_exported_under_the_name_of_the_service(collector: Collector) -> None:
    done = run({"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url})
    assert done.returncode == 0, done.stderr
    [(path, body)] = collector.received
    assert path == "/v1/traces"
    assert b"cloudkit-watcher" in body
    assert b"a span to be seen" in body


def test_nothing_is_exported_unless_asked_for(collector: Collector) -> None:
    done = run({})
    assert done.returncode == 0, done.stderr
    assert collector.received == []
