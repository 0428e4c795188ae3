"""The event loop: a turn is an operation, and so is what other threads push into it. There are no sockets and no signals."""

import asyncio  # before `_asyncio`: the other order leaves half of asyncio in Python
import asyncio.base_events
import asyncio.events
import asyncio.unix_events
import sys

import _asyncio

from . import clock, locks
from .guard import uncontrolled
from .names import Names, at, is_in
from .scheduler import scheduler


class Turns:
    """In the place of a selector: waits for the next turn of the loop."""

    def __init__(self, loop):
        self.loop = loop

    def select(self, timeout):
        """Waits until there is something to do, and returns what came in."""
        loop = self.loop
        waits = timeout is None or timeout > 0
        deadline = clock.At(scheduler.now + timeout) if waits and timeout is not None else None
        ready = loop._rig_is_awake if waits else None
        scheduler.visible("turn", loop._rig_shared, ready, deadline, idle=scheduler.current.is_service)
        loop._rig_is_woken = False
        arrived, loop._rig_arrived = loop._rig_arrived, []
        return arrived

    def close(self):
        """Nothing is open."""

    def get_map(self):
        """Nothing is registered."""
        return {}


class NamedHandle(asyncio.TimerHandle):
    """What happens when a timer with a name is fired."""

    __slots__ = ("timer",)

    def __init__(self, when, callback, args, loop, context):
        super().__init__(when, callback, args, loop, context)
        self.timer = clock.Timer(clock.limit_in_force(), when - clock.START, self._fire)

    def cancel(self):
        """Nothing is to happen any more."""
        if not self._cancelled:
            self.timer.disarm()
        super().cancel()

    def _fire(self):
        if not self._loop.is_closed():
            self._loop._rig_arrive(self._late)

    def _late(self):
        """Runs as if so much time had passed."""
        if not self._cancelled:
            loop, self._loop._rig_late = self._loop, self._when
            self._run()
            loop._rig_late = 0.0


class Loop(asyncio.base_events.BaseEventLoop):
    """An event loop of the program."""

    # It does nothing any more: the execution that it belonged to is over.
    _rig_is_over = False

    def __init__(self):
        super().__init__()
        self._clock_resolution = 1e-6
        self._rig_shared, _ = Names.current.make("loop", sys._getframe(1))
        self._rig_is_woken = False
        self._rig_arrived = []
        self._rig_late = 0.0
        self._selector = Turns(self)
        loops.append(self)

    def time(self):
        """Virtual time."""
        return max(clock.START + scheduler.now, self._rig_late)

    def close(self):
        """Closes it. One that is closed is no object of the program any more."""
        super().close()
        if self in loops:
            loops.remove(self)

    def call_soon_threadsafe(self, callback, *args, context=None):
        """What another thread pushes is an operation."""
        if self._thread_id != scheduler.current.ident:
            scheduler.visible("push", self._rig_shared)
        else:
            scheduler.touch(self._rig_shared)
        return super().call_soon_threadsafe(callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):
        """A call that belongs to a named timer waits for that."""
        if when is None or clock.limit_in_force() is None:
            return super().call_at(when, callback, *args, context=context)
        self._check_closed()
        return NamedHandle(when, callback, args, self, context)

    def call_exception_handler(self, context):
        """Tells what went wrong, unless it went wrong because the execution is over."""
        if not (self._rig_is_over or scheduler.current.unwinding):
            super().call_exception_handler(context)

    async def subprocess_exec(self, protocol_factory, *args, **kwargs):
        """Starts the scripted server, the only process that there is."""
        from .process import start

        return await start(self, protocol_factory, args)

    def add_signal_handler(self, sig, callback, *args):
        """There are no signals."""
        raise uncontrolled("add_signal_handler")

    def remove_signal_handler(self, sig):
        """There are no signals."""
        return False

    def _call_soon(self, callback, args, context):
        scheduler.touch(self._rig_shared)
        return super()._call_soon(callback, args, context)

    def _rig_is_awake(self):
        return self._rig_is_woken or bool(self._rig_arrived)

    def _rig_arrive(self, callback, *args):
        """Something came from outside the program: the loop takes it in with its next turn."""
        self._rig_arrived.append((callback, args))
        scheduler.touch(self._rig_shared)

    def _process_events(self, events):
        for callback, args in events:
            self._ready.append(asyncio.events.Handle(callback, args, self))

    def _write_to_self(self):
        self._rig_is_woken = True


def refuse(name):
    """Makes a method of a loop an error that names the call."""

    def refused(self, *args, **kwargs):
        raise uncontrolled(f"{name} of an event loop")

    refused.__name__ = name
    setattr(Loop, name, refused)


for method in (
    "add_reader remove_reader add_writer remove_writer sock_recv sock_recv_into sock_sendall sock_connect sock_accept "
    "create_connection create_server create_unix_connection create_unix_server create_datagram_endpoint "
    "connect_read_pipe connect_write_pipe subprocess_shell getaddrinfo getnameinfo"
).split():
    refuse(method)

# The loops that are not closed, for the end of an execution.
loops = []


class Policy(asyncio.unix_events._UnixDefaultEventLoopPolicy):
    """Makes loops of ours."""

    _loop_factory = Loop


def forget_loops():
    """Nothing is left of the loops of an execution that is over."""
    for loop in list(loops):
        loop._rig_is_over = True
        loop._thread_id = None
        loop._ready.clear()
        loop._scheduled.clear()
        loop.close()
    loops.clear()
    asyncio.set_event_loop_policy(Policy())
    _asyncio._set_running_loop(None)


def current_task():
    """The task that runs on this thread."""
    loop = _asyncio._get_running_loop()
    return None if loop is None else asyncio.current_task(loop)


def places_of_tasks(shared, packages):
    """Where the tasks of the loop that is this object wait, in the packages, innermost first."""
    found = []
    for loop in loops:
        if loop._rig_shared is shared:
            found += sorted(filter(None, (place_of_task(task, packages) for task in asyncio.all_tasks(loop))))
    return found


def place_of_task(task, packages):
    """The innermost place in the packages where a task waits; "" if it waits elsewhere."""
    coroutine, place = task.get_coro(), ""
    while coroutine is not None:
        kind = "gi" if hasattr(coroutine, "gi_frame") else "cr"
        frame = getattr(coroutine, f"{kind}_frame", None)
        if frame is not None and is_in(frame.f_globals.get("__name__", ""), packages):
            place = at(frame)
        coroutine = getattr(coroutine, f"{kind}_{'yieldfrom' if kind == 'gi' else 'await'}", None)
    return place


def attach():
    """Greenlets have running loops of their own."""
    if hasattr(scheduler.executor, "get_loop"):
        scheduler.executor.get_loop = _asyncio._get_running_loop
        scheduler.executor.set_loop = _asyncio._set_running_loop


def install():
    """Puts these loops in the place of those of the standard library."""
    asyncio.set_event_loop_policy(Policy())
    for module in (asyncio, asyncio.unix_events):
        module.SelectorEventLoop = Loop
        module.DefaultEventLoopPolicy = Policy
    clock.current_task = current_task
    locks.runs_loop = lambda: _asyncio._get_running_loop() is not None
    scheduler.at_reset.append(forget_loops)
