import os

# Before torch starts its threads, as the command line does: waiting threads must not eat the other core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
