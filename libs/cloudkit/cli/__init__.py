"""The ``cloudkit`` command: everything on one machine, to develop against or to be shown."""
