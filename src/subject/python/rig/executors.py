"""The two ways to have threads of which one runs at a time: greenlets, and OS threads that are parked.

Both are told who runs next and have no say in it, so they give the same traces.
"""

import _thread
import sys

_allocate_lock = _thread.allocate_lock
_start_new_thread = _thread.start_new_thread
real_ident = _thread.get_ident


class OsThreads:
    """Each thread of the program is an OS thread that waits for its own lock while others run."""

    name = "threads"

    def adopt(self, thread):
        """Makes the thread that calls this one of the program's."""
        thread.handle = self._parked()
        thread.native = real_ident()

    def start(self, thread, body):
        """Makes a thread that runs `body` when it is switched to for the first time."""
        thread.handle = self._parked()

        def run():
            thread.native = real_ident()
            thread.handle.acquire()
            body()

        _start_new_thread(run, ())

    def switch(self, me, other):
        """Runs another thread until a thread switches back to this one."""
        other.handle.release()
        me.handle.acquire()

    def leave(self, me, other):
        """Runs another thread; this one returns from its body at once and never runs again."""
        other.handle.release()

    def frame_of(self, thread):
        """The innermost frame of a thread that does not run."""
        return sys._current_frames().get(thread.native)

    @staticmethod
    def _parked():
        lock = _allocate_lock()
        lock.acquire()
        return lock


class Greenlets:
    """Each thread of the program is a greenlet, all of them on one OS thread. The methods are those of `OsThreads`."""

    name = "greenlets"

    def __init__(self, greenlet):
        self.greenlet = greenlet.greenlet
        self.root = None
        self.current = greenlet.getcurrent
        # What CPython keeps for each OS thread. Known once asyncio is there.
        self.get_loop = lambda: None
        self.set_loop = lambda loop: None

    def adopt(self, thread):
        thread.handle = self.root = self.current()

    def start(self, thread, body):
        def run():
            self.set_loop(None)
            body()

        thread.handle = self.greenlet(run, self.root)

    def switch(self, me, other):
        loop = self.get_loop()
        if loop is None:
            other.handle.switch()
            self.set_loop(None)
        else:
            hooks = sys.get_asyncgen_hooks()
            other.handle.switch()
            self.set_loop(loop)
            sys.set_asyncgen_hooks(*hooks)

    def leave(self, me, other):
        me.handle.parent = other.handle

    def frame_of(self, thread):
        return thread.handle.gr_frame


def executor(wanted=None):
    """The executor of this name; without one, greenlets if they are installed."""
    if wanted != "threads":
        try:
            import greenlet
        except ImportError:
            if wanted == "greenlets":
                raise
        else:
            return Greenlets(greenlet)
    return OsThreads()
