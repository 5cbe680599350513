"""Many pairs: what the study of label-free signals is made on (docs/signals.md).

`python -m proving_ground.many --out DIR` (`make zoo-many`) grows, for each of three seeds and their theta_0s,
seven parents of two families and five pairs of different kinds from them; every merge of theirs answers the
same held-out questions, and the answers are written as data (`docs/data/zoo-many`). What is chosen from them,
and how well, is `proving_ground.regret`'s business: nothing here chooses.
"""
