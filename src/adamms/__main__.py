"""`python -m adamms` is `adamms`."""

from adamms.cli import main

main()
