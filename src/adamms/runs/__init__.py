"""One run: mapping -> merging -> searching -> report. The only package that knows every step.

`pipeline.run` takes a recipe; the command line and the Python functions call nothing
else.
"""
