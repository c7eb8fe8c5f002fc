"""``cloudkit demo``: three virtual machines come and go, and the proof that nothing was left behind."""
