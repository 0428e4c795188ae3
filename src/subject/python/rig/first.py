"""What must be in its place before the standard library's own modules of threads are imported."""

import sys

from . import clock, executors, threads
from .scheduler import scheduler


def install():
    """Takes this thread as the program's first, and puts time, threads and locks in the place of the real ones."""
    too_early = [name for name in ("threading", "asyncio", "concurrent.futures") if name in sys.modules]
    if too_early:
        raise ImportError(f"{', '.join(too_early)}: imported before the rig")
    scheduler.begin(executors.real_ident())
    clock.install()
    threads.install()
