"""LoRA and DoRA adapters, folded into a checkpoint's tensors while they are read."""
