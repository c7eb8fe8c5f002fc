"""``cloudkit dead-letters``: what nobody could handle, for the person who has to do something about it."""
