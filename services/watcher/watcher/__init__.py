"""The watcher hears from Kubernetes how ComputeInstances stand, and says, as intents, what brings them forward."""
