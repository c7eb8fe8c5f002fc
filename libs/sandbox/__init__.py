"""Everything that surrounds the services, on one machine: for development, demonstration and tests.

Stand-ins for the Kubernetes API (`sandbox.kube`) and for AAP (`sandbox.aap`), a real nats-server
(`sandbox.nats`), and `sandbox.stack`, which runs them and the services as processes. Nothing here is
part of what runs in production.
"""
