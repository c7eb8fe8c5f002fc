"""Bugs that somebody might make, one by one: a simulation that does not find them proves nothing."""
