"""Locks, conditions and events. To take one, to wait and to set are visible; to let go happens within the running step."""

import sys

from . import clock
from .names import Names
from .scheduler import Unwound, scheduler

TIMEOUT_MAX = None


def waiting_time(blocking, timeout):
    """The deadline of an acquire, with the errors that CPython has for what makes no sense."""
    if not blocking:
        if timeout != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        return None
    if timeout == -1:
        return None
    if timeout < 0:
        raise ValueError("timeout value must be a non-negative number")
    if timeout > TIMEOUT_MAX:
        raise OverflowError("timestamp out of range for platform time_t")
    return clock.deadline(timeout)


class _Taken:
    """What locks have in common: an owner, a name, and that some are details."""

    __slots__ = ()

    def _free(self):
        return self._owner is None

    def _get(self, blocking, timeout):
        """Whether the lock is this thread's now."""
        deadline = waiting_time(blocking, timeout)
        if self._owner is None and self._is_detail:
            scheduler.touch(self._shared)
        elif not blocking:
            if not self._is_detail:
                scheduler.visible("try", self._shared)
            if self._owner is not None:
                return False
        else:
            is_free = scheduler.visible("lock", self._shared, self._free, deadline)
            if deadline is not None:
                deadline.disarm()
            if not is_free:
                return False
        self._owner = scheduler.current
        scheduler.take(self, self._shared, self._is_detail)
        return True

    def _let_go(self):
        owner, self._owner = self._owner, None
        scheduler.let_go(owner, self, self._shared)

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *error):
        self.release()


class Lock(_Taken):
    """`threading.Lock`. Its methods mean, and raise, what those of CPython do; so it is with all classes here."""

    __slots__ = ("__weakref__", "_is_detail", "_owner", "_shared")

    def __init__(self):
        self._owner = None
        self._shared, self._is_detail = Names.current.make("lock", sys._getframe(1))

    def acquire(self, blocking=True, timeout=-1):
        return self._get(blocking, timeout)

    def release(self):
        if self._owner is None:
            if scheduler.current.unwinding:
                return
            raise RuntimeError("release unlocked lock")
        self._let_go()

    def locked(self):
        scheduler.touch(self._shared, False)
        return self._owner is not None

    def _at_fork_reinit(self):
        self._owner = None

    def __repr__(self):
        state = "unlocked" if self._owner is None else "locked"
        return f"<{state} _thread.lock object at {id(self):#x}>"

    acquire_lock, release_lock, locked_lock = acquire, release, locked


class RLock(_Taken):
    """`threading.RLock`."""

    __slots__ = ("__weakref__", "_count", "_is_detail", "_owner", "_shared")

    def __init__(self):
        self._owner, self._count = None, 0
        self._shared, self._is_detail = Names.current.make("lock", sys._getframe(1))

    def acquire(self, blocking=True, timeout=-1):
        if self._owner is scheduler.current:
            waiting_time(blocking, timeout)
            self._count += 1
            return True
        if not self._get(blocking, timeout):
            return False
        self._count = 1
        return True

    def release(self):
        if self._owner is not scheduler.current:
            if scheduler.current.unwinding:
                return
            raise RuntimeError("cannot release un-acquired lock")
        self._count -= 1
        if not self._count:
            self._let_go()

    def _is_owned(self):
        return self._owner is scheduler.current

    def _release_save(self):
        if self._owner is None:
            raise RuntimeError("cannot release un-acquired lock")
        saved = self._owner, self._count
        self._count = 0
        self._let_go()
        return saved

    def _acquire_restore(self, saved):
        self._get(True, -1)
        self._owner, self._count = saved

    def _recursion_count(self):
        return self._count if self._owner is scheduler.current else 0

    def _at_fork_reinit(self):
        self._owner, self._count = None, 0

    def __repr__(self):
        state, owner = ("unlocked", 0) if self._owner is None else ("locked", self._owner.ident)
        return f"<{state} _thread.RLock object owner={owner} count={self._count} at {id(self):#x}>"


class Condition:
    """`threading.Condition`: one operation to come back from a wait with the lock, none to notify.

    A lock of another class than those of this module is taken by an operation of its own.
    """

    def __init__(self, lock=None):
        if lock is None:
            lock = RLock.__new__(RLock)
            lock._owner, lock._count = None, 0
            lock._shared, lock._is_detail = Names.current.make("condition", sys._getframe(1))
        self._lock = lock
        self.acquire, self.release = lock.acquire, lock.release
        for name in ("_release_save", "_acquire_restore", "_is_owned"):
            if hasattr(lock, name):
                setattr(self, name, getattr(lock, name))
        self._waiters = []
        self._is_ours = type(lock) in (Lock, RLock)
        self._shared = lock._shared if self._is_ours else Names.current.make("condition", sys._getframe(1))[0]

    def _release_save(self):
        self._lock.release()

    def _acquire_restore(self, saved):
        self._lock.acquire()

    def _is_owned(self):
        if self._is_ours:
            return self._lock._owner is not None
        if self._lock.acquire(False):
            self._lock.release()
            return False
        return True

    def _at_fork_reinit(self):
        self._lock._at_fork_reinit()
        self._waiters.clear()

    def __enter__(self):
        return self._lock.__enter__()

    def __exit__(self, *error):
        return self._lock.__exit__(*error)

    def __repr__(self):
        return f"<Condition({self._lock}, {len(self._waiters)})>"

    def wait(self, timeout=None):
        """Lets the lock go, waits to be notified and comes back with the lock; whether it was notified in time."""
        if not self._is_owned():
            raise RuntimeError("cannot wait on un-acquired lock")
        if timeout is not None and timeout <= 0 and self._is_ours and self._lock._is_detail:
            return False
        waiter = _Waiter(self._lock if self._is_ours else None)
        self._waiters.append(waiter)
        saved = self._release_save()
        deadline = clock.deadline(timeout)
        try:
            scheduler.visible("wait", self._shared, waiter.is_ready, deadline, idle=may_idle())
        except Unwound:
            if self._is_ours and self._lock._owner is None:
                self._have_again(saved)
            raise
        finally:
            if deadline is not None:
                deadline.disarm()
            if not waiter.is_notified and waiter in self._waiters:
                self._waiters.remove(waiter)
        if not self._is_ours or self._lock._owner is not None:
            self._acquire_restore(saved)
        else:
            self._have_again(saved)
        return waiter.is_notified

    def _have_again(self, saved):
        """Takes a lock of ours that is free, as a part of the running step."""
        lock = self._lock
        lock._owner = scheduler.current
        scheduler.take(lock, lock._shared, lock._is_detail)
        if saved is not None:
            lock._owner, lock._count = saved

    def wait_for(self, predicate, timeout=None):
        """Waits until the predicate holds, or the time is over; what the predicate returned last."""
        end = None
        result = predicate()
        while not result:
            if timeout is not None:
                if end is None:
                    end = clock.monotonic() + timeout
                left = end - clock.monotonic()
                if left <= 0:
                    break
                self.wait(left)
            else:
                self.wait()
            result = predicate()
        return result

    def notify(self, n=1):
        """Wakes so many of those that wait."""
        if not self._is_owned():
            raise RuntimeError("cannot notify on un-acquired lock")
        for waiter in self._waiters[:n]:
            waiter.is_notified = True
        del self._waiters[:n]
        scheduler.touch(self._shared)

    def notify_all(self):
        """Wakes all that wait."""
        self.notify(len(self._waiters))

    def notifyAll(self):  # noqa: N802
        """The old name of `notify_all`."""
        import warnings

        warnings.warn("notifyAll() is deprecated, use notify_all() instead", DeprecationWarning, stacklevel=2)
        self.notify_all()


class _Waiter:
    """One that waits for a condition, and for the lock with it if that is ours."""

    __slots__ = ("is_notified", "lock")

    def __init__(self, lock):
        self.lock, self.is_notified = lock, False

    def is_ready(self):
        """Whether it can go on."""
        return self.is_notified and (self.lock is None or self.lock._owner is None)


class Event:
    """`threading.Event`."""

    def __init__(self):
        frame = sys._getframe(1)
        # The event by which a thread says that it has started is no operation, but the place where a newborn thread stops.
        self._is_start = frame.f_code is started_by
        self._flag, self._waiters = False, []
        self._shared, self._is_detail = Names.current.make("event", frame)
        self._is_detail = self._is_detail or self._is_start

    def is_set(self):
        if not self._is_detail:
            scheduler.visible("is_set", self._shared, reads=True)
        return self._flag

    def set(self):
        if self._is_detail:
            scheduler.touch(self._shared)
        else:
            scheduler.visible("set", self._shared)
        self._flag = True
        for waiter in self._waiters:
            waiter.is_notified = True
        self._waiters.clear()
        if self._is_start:
            scheduler.newborn()

    def clear(self):
        if self._is_detail:
            scheduler.touch(self._shared)
        else:
            scheduler.visible("clear", self._shared)
        self._flag = False

    def wait(self, timeout=None):
        """Waits until it is set, though it may be cleared again by then; whether it was set in time."""
        if self._is_detail and self._flag:
            scheduler.touch(self._shared, False)
            return True
        deadline = clock.deadline(timeout)
        waiter = _Waiter(None)
        self._waiters.append(waiter)
        is_set = scheduler.visible(
            "wait", self._shared, lambda: self._flag or waiter.is_notified, deadline, reads=True, idle=may_idle()
        )
        if not waiter.is_notified and waiter in self._waiters:
            self._waiters.remove(waiter)
        if deadline is not None:
            deadline.disarm()
        return is_set

    def isSet(self):  # noqa: N802
        """The old name of `is_set`."""
        import warnings

        warnings.warn("isSet() is deprecated, use is_set() instead", DeprecationWarning, stacklevel=2)
        return self.is_set()

    def _at_fork_reinit(self):
        """Nothing is left to be made anew."""

    def __repr__(self):
        status = "set" if self._flag else "unset"
        return f"<{type(self).__module__}.{type(self).__qualname__} at {id(self):#x}: {status}>"


def may_idle():
    """Whether the program may end while the running thread waits for a job: a daemon outside an event loop."""
    return scheduler.current.is_daemon and not runs_loop()


def runs_loop():
    """Whether an event loop runs on this thread. `loop` knows."""
    return False


# The code of `threading.Thread.__init__`, which `threads` finds.
started_by = None
