"""Readers fed with what nobody would write: whatever comes is an error of ours with a sentence, or a value.

`make test` runs the corpus and a few examples of each; `make fuzz` many examples, and atheris where it installs.
"""
