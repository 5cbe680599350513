"""What runs inside an evaluation harness: the model that lmms-eval loads, and VLMEvalKit's.

Nothing here is imported by the rest of the house; lmms-eval finds its model through an entry point,
VLMEvalKit through a small program of ours. `evaluation/` starts the harnesses and reads what they leave
behind.
"""
