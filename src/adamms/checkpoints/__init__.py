"""What lies on disk: lazy readers, the atomic writer, companion files, hub ids."""
