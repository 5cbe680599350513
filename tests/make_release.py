"""`make release`: the files of a release, built and tried in fresh environments; nothing is uploaded.

    python tests/make_release.py DIST WORK

A source distribution; a wheel with the compiled part under the manylinux tag that auditwheel finds true of
it; a wheel without it for every other machine. Each is installed into an environment of its own without
torch, the source distribution twice, with a compiler and without one, and all must merge to the same bytes.
Ends with SHA256SUMS. Run by a python that has build, twine and auditwheel.
"""

import os
import shutil
import subprocess
import sys
import venv
from hashlib import sha256
from pathlib import Path

from check_wheel import check_installed, look_into, output

ROOT = Path(__file__).parents[1]
NO_COMPILER = {"CC": "/nonexistent/cc"}
HAS_KERNEL = "from adamms.merging import cpu_kernel; print(cpu_kernel.library() is not None)"


def main(dist: Path, work: Path) -> None:
    """Build, look, install, try, and sign."""
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir(parents=True)
    (sdist,) = build("--sdist", ROOT, dist)
    source = unpacked(sdist, work / "source")
    wheels = [*compiled_wheel(source, work, dist), *build("--wheel", source, dist, ADAMMS_PURE="1")]
    assert wheels[-1].name.endswith("-py3-none-any.whl"), wheels
    run(sys.executable, "-m", "twine", "check", "--strict", *sorted(dist.iterdir()))
    for wheel in wheels:
        look_into(wheel)
    trials = [
        *((wheel.name, wheel, {}, "manylinux" in wheel.name) for wheel in wheels),
        ("the source with a compiler", sdist, {}, shutil.which(os.environ.get("CC", "cc")) is not None),
        ("the source without a compiler", sdist, NO_COMPILER, False),
    ]
    merged = {}
    for number, (name, file, environment, compiled) in enumerate(trials):
        print(f"\n{name}, installed into an environment of its own:")
        place = work / f"trial-{number}"
        shutil.rmtree(place, ignore_errors=True)
        venv.create(place, with_pip=True)
        run(place / "bin" / "pip", "install", "--quiet", "--no-cache-dir", file, **environment)
        found = output(place / "bin" / "python", "-c", HAS_KERNEL).strip() == "True"
        assert found is compiled, f"{name}: compiled part {'found' if found else 'missing'}"
        merged[name] = check_installed(place)
        shutil.rmtree(place)
    assert len(set(merged.values())) == 1, merged
    print(f"\nAll merge to the same bytes: {next(iter(merged.values()))}")
    sums = [f"{sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in sorted(dist.iterdir())]
    (dist / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    print("\n".join(sums))


def compiled_wheel(source: Path, work: Path, dist: Path) -> list[Path]:
    """The wheel with the compiled part under its manylinux tag; none where nothing compiles here."""
    raw = work / "raw"
    shutil.rmtree(raw, ignore_errors=True)
    (wheel,) = build("--wheel", source, raw)
    if wheel.name.endswith("-any.whl"):
        print("There is no C compiler here: only the wheel without the compiled part is built.")
        return []
    run(sys.executable, "-m", "auditwheel", "show", wheel)
    run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", dist, wheel)
    (repaired,) = dist.glob("*manylinux*.whl")
    return [repaired]


def build(kind: str, source: Path, target: Path, **environment: str) -> list[Path]:
    """What `python -m build` makes."""
    target.mkdir(parents=True, exist_ok=True)
    before = set(target.iterdir())
    run(sys.executable, "-m", "build", kind, "--outdir", target, source, **environment)
    return sorted(set(target.iterdir()) - before)


def unpacked(sdist: Path, target: Path) -> Path:
    """The folder in a source distribution: what a wheel is built from must be in it."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.unpack_archive(sdist, target, filter="data")
    (folder,) = target.iterdir()
    return folder


def run(*command: object, **environment: str) -> None:
    """Run a command and show what it says only where it fails."""
    result = subprocess.run(
        list(map(str, command)),
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    shown = " ".join(str(part) for part in command[:5])
    print(f"{shown} ...: {'done' if not result.returncode else 'failed'}")
    if "show" in command or "check" in command or result.returncode:
        print(result.stdout)
    assert not result.returncode, shown


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute(), Path(sys.argv[2]).absolute())
