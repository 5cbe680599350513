"""`make wheel-check`: the wheel alone, in an environment without torch, does what the core promises.

    python tests/check_wheel.py WHEEL VENV

VENV is a virtual environment in which nothing but the wheel and its core dependencies is installed. `make
release` asks the same of every wheel that it makes (`make_release.py`).
"""

import json
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

# Everything, and everything but the small pairs of models that ship.
WHEEL_MB, CODE_MB = 12.0, 1.0
LABORATORY = ("proving_ground", "benchmarks", "tests")
NOT_CORE = ("torch", "transformers", "tokenizers", "safetensors")
PLACES = (
    "import json; from adamms.zoo import shipped_pair as p; print(*[p().base, p().donor, p().pretrained])"
)


def main(wheel: Path, venv: Path) -> None:
    """Look into the wheel, then run the verbs."""
    look_into(wheel)
    check_installed(venv)


def look_into(wheel: Path) -> None:
    """Insist that a wheel holds the package, no more than it needs, and nothing of the laboratory."""
    with ZipFile(wheel) as archive:
        sizes = {entry.filename: entry.compress_size for entry in archive.infolist()}
    megabytes = wheel.stat().st_size / 1e6
    code = sum(size for name, size in sizes.items() if not name.startswith("adamms/zoo/")) / 1e6
    print(f"{wheel.name}: {megabytes:.1f} MB, {code:.1f} MB without the pairs that ship, {len(sizes)} files")
    strange = [name for name in sizes if name.split("/")[0] in LABORATORY]
    assert not strange, strange
    assert megabytes < WHEEL_MB, megabytes
    assert code < CODE_MB, code
    assert "adamms/py.typed" in sizes


def check_installed(venv: Path) -> str:
    """Run what the core can in an environment without torch; returns the SHA-256 of a merge's weights."""
    python = venv / "bin" / "python"
    for package in NOT_CORE:
        found = subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=False)
        assert found.returncode, f"{package} is installed in {venv}"
    base, donor, pretrained = output(python, "-c", PLACES).split()
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        responses = here / "responses"
        responses.mkdir()
        for alpha, answers in ((0.0, "ab"), (0.1, "cb"), (0.2, "cb"), (0.3, "dd")):
            lines = [{"id": str(at), "response": answer} for at, answer in enumerate(answers)]
            (responses / f"alpha={alpha:.2f}.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
        scores = here / "scores.csv"
        scores.write_text("model,task\nbase,1\ndonor,2\nmerged,3\n")
        ancestor = ("--pretrained", pretrained)
        for verb in (
            ("inspect", base),
            ("map", base, donor, "--check"),
            ("merge", base, donor, "--alpha", "0.3", "--out", str(here / "linear")),
            (
                "merge",
                base,
                donor,
                "--method",
                "ties",
                *ancestor,
                "--out",
                str(here / "ties"),
            ),
            ("methods",),
            ("inputs", str(Path(base).parents[1] / "inputs" / "inputs.jsonl")),
            ("select", str(responses)),
            ("table", str(scores)),
        ):
            output(venv / "bin" / "adamms", *verb)
            print("adamms", verb[0], "does")
        refused = subprocess.run(
            [venv / "bin" / "adamms", "verify", here / "linear"], capture_output=True, text=True, check=False
        )
        assert refused.returncode == 2, refused
        assert "pip install 'adamms[search]'" in refused.stderr, refused.stderr
        print("adamms verify says:", refused.stderr.strip())
        return sha256((here / "linear" / "model.safetensors").read_bytes()).hexdigest()


def output(*command: object) -> str:
    """What a command prints; it must succeed."""
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{command}: {result.stderr}"
    return result.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
