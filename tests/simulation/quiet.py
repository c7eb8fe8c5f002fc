"""No logs: a run would write tens of thousands of lines."""

import logging

import structlog


def quiet() -> None:
    """Leave out every line of the services."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL), cache_logger_on_first_use=True
    )
