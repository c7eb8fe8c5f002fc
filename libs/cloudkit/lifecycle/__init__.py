"""What happens next: the only place that knows phases, job states and policy.

Pure: no I/O, no clock, no log. `decide` says what brings an instance forward, `project` what its
status is, `judge` whether a provider may act on an intent.
"""
