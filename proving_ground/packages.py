"""The packages that hold the zoo's real pictures; only growing models anew needs them."""

from importlib.util import find_spec

PACKAGES = {"sklearn": "scikit-learn", "easy_vqa": "--no-deps easy-vqa==1.0"}


def missing_packages() -> str | None:
    """What to install, in a sentence; None if everything is there."""
    missing = [wanted for module, wanted in PACKAGES.items() if find_spec(module) is None]
    if not missing:
        return None
    commands = " and ".join(f"`pip install {wanted}`" for wanted in missing)
    return f"The zoo's real pictures come from packages that are not installed: {commands}."
