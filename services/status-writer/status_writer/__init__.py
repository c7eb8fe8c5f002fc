"""The status-writer hears `Reconcile` and every job event, and says it on the resource: nobody else writes there."""
