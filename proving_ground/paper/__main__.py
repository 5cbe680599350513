"""`python -m proving_ground.paper --out DIR`: ask, work out, write docs/results.md (a quarter hour).

Every merge's answers are kept as soon as they are there; a run that was stopped goes on where it was.
`--page-only` writes the page again from the results, without a model.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from adamms.errors import AdaMMSError

PACKAGES = {
    "sklearn": "scikit-learn",
    "easy_vqa": "--no-deps easy-vqa==1.0",
    "sentence_transformers": "'adamms[embedding]'",
}
RESULTS = Path("data") / "results.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and do it; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m proving_ground.paper", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(".zoo/paper"), help="folder for the answers")
    parser.add_argument("--page", type=Path, default=Path("docs/results.md"), help="the page to write")
    parser.add_argument("--page-only", action="store_true", help="from the results beside the page")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    options = parser.parse_args(arguments)
    try:
        if options.page_only:
            return _write(options.page)
        return _run(options.out, options.page, threads=options.threads)
    except AdaMMSError as error:
        print(error, file=sys.stderr)
        return 2


def _run(out: Path, page: Path, *, threads: int) -> int:
    missing = [wanted for module, wanted in PACKAGES.items() if find_spec(module) is None]
    if missing:
        commands = " and ".join(f"`pip install {wanted}`" for wanted in missing)
        raise AdaMMSError(f"The paper's experiments need packages that are not installed: {commands}.")

    # Before torch starts its threads: waiting threads must not eat the other core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    from proving_ground.paper.answers import Archive
    from proving_ground.paper.asking import ask_everything
    from proving_ground.paper.plan import Plan
    from proving_ground.paper.results import save_results, work_out
    from proving_ground.paper.study import Study

    torch.set_num_threads(threads)
    started = time.monotonic()

    def report(line: str) -> None:
        print(f"[{time.monotonic() - started:.0f} s] {line}", flush=True)

    plan, archive = Plan(), Archive(out)
    ask_everything(archive, plan, report=report)
    report("everything is asked; working it out")
    save_results(page.parent / RESULTS, work_out(Study(archive, plan)))
    return _write(page)


def _write(page: Path) -> int:
    from proving_ground.paper.page import write_page
    from proving_ground.paper.results import read_results

    write_page(page, read_results(page.parent / RESULTS))
    print(f"{page}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
