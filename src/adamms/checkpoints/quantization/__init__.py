"""Weights that are stored packed, and what they stand for: one file a scheme, in numpy.

`detection` finds them by their names and the config, without numpy; what it finds is a `PackedTensor`, which
gives any part of its values exactly as transformers de-quantises them. A scheme that is not read is refused
by name.
"""
