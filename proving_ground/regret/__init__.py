"""How much each label-free signal loses to the best candidate, measured on published answers.

`python -m proving_ground.regret --answers docs/data/zoo-many` prints the tables of docs/signals.md. It
reads what `proving_ground.many` wrote, lets every signal of `adamms.searching.signals` choose on drawn
questions without their true answers, and scores the choice on the other questions. Trains and asks nothing.
"""
