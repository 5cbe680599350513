"""What the neighbour's answer as a draft saves, by how many rows are decoded together.

`bench_search.py --only draft` sweeps without memory for a pool, so that a batch is all that is decoded
together, with drafts for none and for all, in turn; then once pooled. The threshold in use (`drafts.FEW`) was
read from these figures.
"""

import sys
from dataclasses import replace

BATCHES = (1, 2, 4, 8, 16)
TURNS = 3


def drafted(setting, run_sweep, cpu_seconds) -> str:
    """CPU seconds of a sweep without and with drafts, a line a batch; the answers must be the same."""
    from adamms.searching import drafts, generation

    found = drafts.FEW, generation.POOL_SHARE, generation.POOL_LEAST
    lines = []
    try:
        for pooled, batch in [*((False, each) for each in BATCHES), (True, 1), (True, 16)]:
            if not pooled:
                generation.POOL_SHARE = generation.POOL_LEAST = 0
            else:
                _, generation.POOL_SHARE, generation.POOL_LEAST = found
            spent, answers = {0: 0.0, 1 << 30: 0.0}, {}
            for _ in range(TURNS):
                for few in spent:
                    drafts.FEW = few
                    start = cpu_seconds()
                    answers[few] = run_sweep(replace(setting, batch=batch))
                    spent[few] += (cpu_seconds() - start) / TURNS
            plain, draft = spent.values()
            first, second = answers.values()
            assert first == second, "the answers differ"
            lines.append(
                f"draft, batch {batch:2}{' pooled' if pooled else '':7}  {plain:6.2f} -> {draft:6.2f} CPU s "
                f"{plain / draft:5.2f}x"
            )
            print(lines[-1], file=sys.stderr, flush=True)
    finally:
        drafts.FEW, generation.POOL_SHARE, generation.POOL_LEAST = found
    tokens = [count for _, count in first.values()]
    lines.append(f"tokens an answer            {sum(tokens) / len(tokens):5.1f}")
    return "\n".join(lines)
