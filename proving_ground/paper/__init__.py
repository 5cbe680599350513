"""The paper's experiments, in form, on the pairs that ship: `make paper-tables`.

Every model and merge is asked once and its answers kept (`asking.py`); everything else is arithmetic on those
answers. docs/results.md is written from it. Nothing here is a figure of the paper's own models.
"""
