"""The limits and delays of a real openhands-sdk, run by a clock that somebody turns by hand.

What the SDK does when a limit is over is its own; only when that is, is decided here, so that no play depends on how fast the
machine is. A limit has the name that scenarios have for it, by the function of the SDK that sets it. Knows nothing of
scenarios.
"""

import asyncio
import contextlib
import sys
import threading
import time

import anyio

from openhands.agent_server import event_service
from openhands.sdk.agent import acp_agent
from openhands.sdk.utils import async_executor, async_utils

# The limit of a prompt, in seconds, by which one of a synchronous run is known.
PROMPT_LIMIT = 1801.0

# Who sets a limit, or waits for a delay to be over, on an event loop. Releases before 1.25.0 have no function for the prompt.
OF_FUNCTION = {
    "_await_prompt_response_with_timeout": "prompt",
    "astep": "prompt",
    "_arequest_session_cancel": "cancel_send",
    "_drain_cancelled_prompt": "drain",
    "interrupt": "interrupt_wait",
    "close": "close_wait",
}


class Clock:
    """The timers that are armed. One that nobody fires does not fire."""

    def __init__(self):
        self.changed = threading.Condition()
        self.armed = []
        self.is_over = False

    @contextlib.contextmanager
    def timer(self, name, go_off):
        """Arms a timer, which calls `go_off` when it is fired."""
        timer = name, go_off
        with self.changed:
            self.armed.append(timer)
            self.changed.notify_all()
        try:
            yield
        finally:
            with self.changed:
                if timer in self.armed:
                    self.armed.remove(timer)

    def fire(self, name):
        """Fires the timer of this name that was armed first, as soon as there is one; false if the play is over before."""

        def due():
            return next((timer for timer in self.armed if timer[0] == name), None)

        with self.changed:
            self.changed.wait_for(lambda: self.is_over or due())
            if self.is_over:
                return False
            timer = due()
            self.armed.remove(timer)
        timer[1]()
        return True

    def end(self):
        """The play is over: nothing waits for a timer any more."""
        with self.changed:
            self.is_over = True
            self.changed.notify_all()


class Instead:
    """A module with some functions of ours in place of its own."""

    def __init__(self, module, **ours):
        self.__dict__.update(ours)
        self.module = module

    def __getattr__(self, name):
        return getattr(self.module, name)


def install():
    """Puts clocks of ours behind the SDK's limits; what is returned makes the one that counts from now on."""
    current = Clock()

    async def wait_for(awaitable, timeout):
        name = OF_FUNCTION.get(sys._getframe(1).f_code.co_name)
        if name is None:
            return await asyncio.wait_for(awaitable, timeout)
        loop = asyncio.get_running_loop()
        # What `asyncio.wait_for` does, but for the moment.
        async with asyncio.timeout(None) as limit:
            with current.timer(name, lambda: loop.call_soon_threadsafe(over, limit, loop)):
                return await awaitable

    async def back_off(delay):
        loop = asyncio.get_running_loop()
        is_over = asyncio.Event()
        with current.timer("retry", lambda: loop.call_soon_threadsafe(is_over.set)):
            await is_over.wait()

    def sleep(delay):
        is_over = threading.Event()
        with current.timer("retry", is_over.set):
            is_over.wait()

    @contextlib.contextmanager
    def fail_after(delay):
        if delay != PROMPT_LIMIT:
            with anyio.fail_after(delay) as scope:
                yield scope
            return
        loop = asyncio.get_running_loop()
        with anyio.fail_after(delay) as scope:

            def expire():
                scope.deadline = loop.time()

            with current.timer("prompt", lambda: loop.call_soon_threadsafe(expire)):
                yield scope

    def wait_for_pending(wrapper, timeout=None):
        with wrapper._lock:
            futures = list(wrapper._pending_futures)
        for future in futures:
            is_over = threading.Event()
            future.add_done_callback(lambda _, is_over=is_over: is_over.set())
            with current.timer("pending_drain", is_over.set):
                is_over.wait()

    async_utils.AsyncCallbackWrapper.wait_for_pending = wait_for_pending
    acp_agent.asyncio = Instead(asyncio, wait_for=wait_for, sleep=back_off)
    acp_agent.time = Instead(time, sleep=sleep)
    event_service.asyncio = Instead(asyncio, wait_for=wait_for)
    async_executor.anyio = Instead(anyio, fail_after=fail_after)

    def begin():
        nonlocal current
        current.end()
        current = Clock()
        return current

    return begin


def over(limit, loop):
    """The limit is over now, unless what it is for has ended already."""
    with contextlib.suppress(RuntimeError):
        limit.reschedule(loop.time())
