"""Many workers for one search: a queue of tasks, processes of ours or Ray's actors, and who watches them.

Knows tasks and who may work on them, not what a search is: a worker's side is given by a name
(`runs.worker`). Light: torch and ray are imported where they are used.
"""
