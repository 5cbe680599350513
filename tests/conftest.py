import os
import signal

# Before torch starts its threads, as the command line does: waiting threads must not eat the other core.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A shell starts background jobs deaf to Ctrl-C, and what our tests start would inherit it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
