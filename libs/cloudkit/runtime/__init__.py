"""The shell that services stand in: bus, Kubernetes, settings, logs, health, clock."""
