"""``cloudkit dev``: everything on this machine, to be used with kubectl."""
