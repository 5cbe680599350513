"""Step 2 of the method: merge mapped tensors, streamed from disk to disk (section 3.2)."""
