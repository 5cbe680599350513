"""Weights that are stored packed, and what they stand for: one file a scheme, in numpy.

`checkpoints/saved_forms.py` finds them by their names; what it finds is a `PackedTensor`, which
gives any part of its values as transformers de-quantises them.
"""
