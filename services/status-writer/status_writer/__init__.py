"""The status-writer hears `Reconcile` and job events, and says it on the resource, as nobody else does."""
