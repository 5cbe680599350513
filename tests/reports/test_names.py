"""The package's names, each imported when it is asked for."""

import subprocess
import sys

from adamms import reports


def test_every_name_is_what_it_says_and_not_the_file_it_lies_in() -> None:
    names = ", ".join(reports.__all__)
    # In a process of its own: once a file is imported, the package has the file under the file's name.
    told = f"from adamms.reports import {names}; assert all(map(callable, ({names})))"
    subprocess.run([sys.executable, "-c", told], check=True)
    assert set(reports.__all__) == set(reports.FILES)
