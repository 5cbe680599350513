"""`python -m fuzz.coverage_guided TARGET [libFuzzer's options] FOLDER`: one reader, led by what its code covers."""

import sys

import atheris

# Only the readers: whatever else they import would take minutes to instrument.
with atheris.instrument_imports(
    include=["adamms.checkpoints", "adamms.adapters", "adamms.mapping", "adamms.recipes", "adamms.searching"]
):
    from fuzz.targets import TARGETS, held

target = TARGETS[sys.argv.pop(1)]
atheris.Setup(sys.argv, lambda raw: held(target, raw))
atheris.Fuzz()
