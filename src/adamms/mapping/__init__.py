"""Step 1 of the method: which of the donor's tensors correspond to which of the base's (section 3.1)."""
