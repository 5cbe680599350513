"""Step 3 of the method: choose the coefficient by generation consistency, without labels (section 3.3)."""
