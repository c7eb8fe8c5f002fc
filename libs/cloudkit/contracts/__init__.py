"""What is said: the resource, its jobs, intents and events, their subjects, and the errors.

Pure data. Nothing here does I/O, reads a clock or decides anything.
"""
