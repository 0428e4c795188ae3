"""`concurrent.futures`: one operation to submit, to set a result, to wait for one, to cancel. Its own locks are details."""

import concurrent.futures
import sys
from _queue import Empty
from concurrent.futures import _base
from concurrent.futures import thread as pool

from . import clock
from .names import Names, details
from .queues import SimpleQueue
from .scheduler import scheduler

DONE = (_base.CANCELLED, _base.CANCELLED_AND_NOTIFIED, _base.FINISHED)


class Future(_base.Future):
    """`concurrent.futures.Future`. Its methods mean, and raise, what those of CPython do."""

    def __init__(self):
        self._shared, _ = Names.current.make("future", sys._getframe(1))
        super().__init__()

    def _is_done(self):
        return self._state in DONE

    def cancel(self):
        scheduler.visible("cancel", self._shared)
        return super().cancel()

    def cancelled(self):
        self._look("is_cancelled", sys._getframe(1))
        return super().cancelled()

    def running(self):
        self._look("is_running", sys._getframe(1))
        return super().running()

    def done(self):
        self._look("is_done", sys._getframe(1))
        return super().done()

    def _look(self, kind, frame):
        """The program looks at the state. Where a library does, that is no operation."""
        if details.kind_of(frame.f_code.co_filename) == "program":
            scheduler.visible(kind, self._shared, reads=True)
        else:
            scheduler.touch(self._shared, False)

    def add_done_callback(self, function):
        scheduler.touch(self._shared)
        super().add_done_callback(function)

    def result(self, timeout=None):
        try:
            self._wait("result", timeout)
            return super().result(0)
        finally:
            # The error that is raised has this frame.
            self = None

    def exception(self, timeout=None):
        self._wait("exception", timeout)
        return super().exception(0)

    def _wait(self, kind, timeout):
        deadline = clock.deadline(timeout)
        is_done = scheduler.visible(kind, self._shared, self._is_done, deadline, reads=True)
        if deadline is not None:
            deadline.disarm()
        if not is_done:
            raise TimeoutError

    def set_running_or_notify_cancel(self):
        scheduler.touch(self._shared)
        return super().set_running_or_notify_cancel()

    def set_result(self, result):
        scheduler.visible("set_result", self._shared)
        super().set_result(result)

    def set_exception(self, exception):
        scheduler.visible("set_exception", self._shared)
        super().set_exception(exception)


class WorkQueue(SimpleQueue):
    """The queue of an executor: a worker takes a job by one operation, and its thread is idle between two."""

    def get(self, block=True, timeout=None):
        if not block and not self._items:
            scheduler.touch(self._shared, False)
            raise Empty
        return super().get(True, timeout)

    def _may_idle(self):
        return True


class ThreadPoolExecutor(pool.ThreadPoolExecutor):
    """`concurrent.futures.ThreadPoolExecutor`. One that outlives an execution begins the next with no workers and no jobs."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._work_queue = WorkQueue.__new__(WorkQueue)
        self._work_queue._items = []
        self._work_queue._shared, _ = Names.current.make("jobs", sys._getframe(1))
        self._began_in = scheduler.execution

    def submit(self, function, /, *args, **kwargs):
        if self._began_in != scheduler.execution:
            self._began_in = scheduler.execution
            self._threads.clear()
            self._work_queue._items.clear()
            self._idle_semaphore._value = 0
        return super().submit(function, *args, **kwargs)


def wait(fs, timeout=None, return_when=_base.ALL_COMPLETED):
    """`concurrent.futures.wait`: one operation to look at all, and one to wait if that is needed."""
    fs = list(fs)
    _look_at(fs)
    return _wait(fs, timeout, return_when)


def as_completed(fs, timeout=None):
    """`concurrent.futures.as_completed`: one operation to look at all, and one for each wait."""
    fs = list(fs)
    _look_at(fs)
    return _as_completed(fs, timeout)


_wait, _as_completed = _base.wait, _base.as_completed


def _look_at(fs):
    ours = [future for future in fs if isinstance(future, Future)]
    if ours:
        scheduler.visible("look", ours[0]._shared, reads=True)
        for future in ours[1:]:
            scheduler.touch(future._shared, False)


def install():
    """Puts these in the place of those of the standard library."""
    # A worker that the rig ends has nothing to log.
    _base.LOGGER.addFilter(lambda record: not scheduler.current.unwinding)
    for module in (_base, concurrent.futures):
        module.Future = Future
        module.wait, module.as_completed = wait, as_completed
    Future.__module__ = "concurrent.futures._base"
    concurrent.futures.ThreadPoolExecutor = ThreadPoolExecutor
    pool.ThreadPoolExecutor = ThreadPoolExecutor
    ThreadPoolExecutor.__module__ = "concurrent.futures.thread"
