"""Measure how far merging works over transformers' classes, and write docs/reference/models.md from it.

python -m benchmarks.coverage [TYPE ...] [--page] [--layouts FILE]
"""

import argparse
import gzip
import json
from multiprocessing import get_context
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "models.md"
WORKERS = 2


def main() -> None:
    """Measure the types that are named, or all, and print a line each."""
    arguments = _arguments()
    # Late: the help needs no torch.
    from benchmarks.coverage.measured import row_and_layout
    from benchmarks.coverage.tiny import model_types

    types = arguments.types or list(model_types())
    rows, layouts = [], {}
    # Fresh processes now and then: a hundred classes of transformers leave much behind.
    with get_context("spawn").Pool(WORKERS, maxtasksperchild=8) as pool:
        for row, sides in pool.imap(row_and_layout, types):
            print(_line(row), flush=True)
            rows.append(row)
            layouts[row["model_type"]] = sides
    if arguments.page:
        import transformers

        from benchmarks.coverage.page import models_page

        PAGE.write_text(models_page(rows, version=".".join(transformers.__version__.split(".")[:2])))
    if arguments.layouts:
        packed = json.dumps(layouts, separators=(",", ":")).encode()
        arguments.layouts.write_bytes(gzip.compress(packed, 9, mtime=0))
    if not all(row["itself"] and not row["itself"]["wrong"] for row in rows):
        raise SystemExit(1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("types", nargs="*", metavar="TYPE")
    parser.add_argument("--page", action="store_true", help=f"write {PAGE.relative_to(ROOT)}")
    parser.add_argument("--layouts", type=Path, help="write what the tests hold of all models")
    return parser.parse_args()


def _line(row: dict[str, Any]) -> str:
    def short(pair: dict[str, Any] | None) -> str:
        if pair is None:
            return "-"
        if pair["refused"]:
            return f"refused: {pair['said'].splitlines()[0]}"
        flaws = [f"{len(pair[kind])} {kind}" for kind in ("left", "wrong", "outside") if pair[kind]]
        flaws += [] if pair["loads"] else ["does not load as the base"]
        return " ".join([f"{pair['share']:.1%}", *flaws])

    directions = (("itself", "itself"), ("from_sibling", "from text"), ("to_sibling", "to text"))
    merges = "; ".join(f"{title} {short(row[key])}" for key, title in directions)
    return f"{row['model_type']:24} {row['layers']:3} layers under {row['prefix'] or 'no prefix':24} {merges}"


if __name__ == "__main__":
    main()
