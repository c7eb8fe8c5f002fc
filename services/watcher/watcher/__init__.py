"""The watcher hears from Kubernetes how instances stand, and says what brings them forward, as intents."""
