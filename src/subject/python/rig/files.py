"""File locks: who waits for one looks again and again, in virtual time, so that the process does not stand still."""

import fcntl

from . import clock

_flock = fcntl.flock
# How long a thread waits between two looks, in seconds.
BETWEEN_LOOKS = 0.05


def flock(file, operation, /):
    """`fcntl.flock`."""
    if operation & (fcntl.LOCK_NB | fcntl.LOCK_UN):
        return _flock(file, operation)
    while True:
        try:
            return _flock(file, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            clock.sleep(BETWEEN_LOOKS)


def install():
    """Puts this in the place of the real one."""
    fcntl.flock = flock
