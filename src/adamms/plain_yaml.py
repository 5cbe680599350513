"""YAML as people write it: 1e-5 is a number, as in YAML 1.2 and JSON; to PyYAML, of YAML 1.1, it is text."""

import re
from typing import Any

import yaml


class Loader(yaml.SafeLoader):
    """The safe loader, with numbers that have an exponent and no point."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+"), list("-+.0123456789")
)


def read_yaml(text: str) -> Any:
    """What a document says.

    Raises:
        yaml.YAMLError: it is not one YAML document.
    """
    try:
        return yaml.load(text, Loader=Loader)
    except ValueError as error:  # a date that is none, a number of thousands of digits
        raise yaml.YAMLError(str(error)) from None
