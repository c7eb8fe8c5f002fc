"""cloudkit-provisioner: the parts that its services share."""
