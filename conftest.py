"""What holds for all tests."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts background commands so, and every process they start would ignore the Ctrl-C that is tested.
    signal.signal(signal.SIGINT, signal.default_int_handler)
