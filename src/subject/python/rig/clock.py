"""Time: virtual, and the same for all. Deadlines pass when no thread can move, those that have a name when they are fired."""

import contextlib
import contextvars
import time as _time

from .names import Shared
from .scheduler import scheduler

EPOCH = 1_700_000_000.0
START = 1_000.0
# How often a thread looks at the same time before time passes, and how much passes then with each look, in seconds.
MOST_LOOKS, BETWEEN_LOOKS = 10_000, 0.001
# The timer that the waits which are armed here belong to, and who may arm them: the thread, and the task if there is one.
_limit = contextvars.ContextVar("limit", default=None)
_sleep = Shared("time", "time")


class At:
    """A deadline that passes when virtual time comes to it."""

    __slots__ = ("at",)

    def __init__(self, at):
        self.at = at

    def is_over(self):
        """Whether it has passed."""
        return scheduler.now >= self.at

    def disarm(self):
        """Nothing waits for it any more."""


class Timer:
    """A deadline that passes when it is fired."""

    __slots__ = ("call", "fired", "name", "thread", "until")
    at = None

    def __init__(self, name, until, call=None):
        self.name, self.until, self.call, self.fired = name, until, call, False
        self.thread = scheduler.current
        timers.arm(self)

    def is_over(self):
        """Whether it has passed."""
        return self.fired

    def disarm(self):
        """Nothing waits for it any more."""
        timers.disarm(self)


class Timers:
    """The timers that are armed, by name, in the order in which they were armed."""

    def __init__(self):
        self.reset()

    def reset(self):
        """None is armed."""
        self.armed = {}
        self.shared = {}

    def object(self, name):
        """The timers of this name as an object that threads share."""
        if name not in self.shared:
            self.shared[name] = Shared(name, f"timer/{name}")
        return self.shared[name]

    def arm(self, timer):
        """From now on the timer can be fired."""
        self.armed.setdefault(timer.name, []).append(timer)
        scheduler.touch(self.object(timer.name))

    def disarm(self, timer):
        """The timer cannot be fired any more."""
        if timer in self.armed.get(timer.name, ()):
            self.armed[timer.name].remove(timer)
            scheduler.touch(self.object(timer.name))

    def fire(self, name):
        """Fires the timer of this name that was armed first."""
        timer = self.armed[name].pop(0)
        timer.fired = True
        if timer.call is not None:
            timer.call()
        else:
            # Who waited that long finds that the time has passed.
            timer.thread.ahead = max(timer.thread.ahead, timer.until)


timers = Timers()
scheduler.at_reset.append(timers.reset)


@contextlib.contextmanager
def limit(name):
    """The waits with a deadline that are armed inside belong to the timer of this name: only `fire` ends them.

    Those count which this task arms, not others that it starts; outside a task, all that this thread arms.

        with program.limit("drain"):
            await asyncio.wait_for(answer, 2)
    """
    token = _limit.set((name, scheduler.current.key, current_task()))
    try:
        yield
    finally:
        _limit.reset(token)


def fire(name):
    """Waits until a timer of this name is armed, and fires the one that was armed first."""
    scheduler.visible("fire", timers.object(name), lambda: bool(timers.armed.get(name)), idle=True)
    timers.fire(name)


def current_task():
    """The task that runs on this thread, if one does. `loop` knows."""
    return None


def limit_in_force():
    """The name of the timer that a wait which is armed now belongs to; None if it belongs to none."""
    of = _limit.get()
    if of is None:
        return None
    name, thread, task = of
    return name if thread == scheduler.current.key and (task is None or task is current_task()) else None


def deadline(seconds):
    """The deadline of a wait that may take so many seconds; None for a wait without one."""
    if seconds is None:
        return None
    name = limit_in_force()
    return At(scheduler.now + max(seconds, 0.0)) if name is None else Timer(name, scheduler.now + seconds)


def passed():
    """How much virtual time has passed for the running thread. It passes while a thread does nothing but look at it."""
    me = scheduler.current
    if me.looked_at == scheduler.now:
        me.looks += 1
        if me.looks > MOST_LOOKS:
            scheduler.now += BETWEEN_LOOKS
    else:
        me.looks = 0
    me.looked_at = scheduler.now
    return max(scheduler.now, me.ahead)


def monotonic():
    """Seconds since some moment, in virtual time."""
    return START + passed()


def wall():
    """Seconds since the epoch, in virtual time."""
    return EPOCH + passed()


def sleep(seconds):
    """Waits until so many seconds have passed."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    if seconds == 0:
        scheduler.visible("sleep", _sleep, reads=True)
        return
    at = deadline(seconds)
    scheduler.visible("sleep", _sleep, _never, at, reads=True)
    at.disarm()


def _never():
    return False


def install():
    """Puts virtual time in the place of real time."""
    _time.monotonic = _time.perf_counter = monotonic
    _time.time = wall
    _time.sleep = sleep
    _time.monotonic_ns = _time.perf_counter_ns = lambda: int(monotonic() * 1e9)
    _time.time_ns = lambda: int(wall() * 1e9)
