"""The proving ground: growing the small models that ship, many pairs of them, and the studies made on those.

    python -m proving_ground --out DIR          # grow the shipped models again (`make zoo`)
    python -m proving_ground.many --out DIR     # many pairs and their answers (`make zoo-many`)
    python -m proving_ground.regret --answers docs/data/zoo-many
    python -m proving_ground.paper --out DIR    # the paper's experiments (`make paper-tables`)

It is no part of the wheel; the pairs that ship lie in `adamms.zoo`.
"""
