"""What strangers' files may do to us, kind by kind, and a runner that says whether it was held.

`python -m hostile` runs all kinds, `python -m hostile --quick` one in twenty, `python -m hostile GROUP ...` some
groups. A kind is a way of making one bad thing and the command that meets it.
"""
