"""A live model that answers: engines, preparation, decoding, and moving its weights.

Heavy: most modules here import torch and transformers, so those who
need them import them, not this file.
"""
