"""The limits and delays of openhands-sdk under the names that scenarios have for them, by the function that sets them.

A limit without a name here passes as the rig has it: when no thread can move.
"""

import asyncio
import contextlib
import sys
import time

import anyio

from turnloom_rig.program import limit

from openhands.sdk.agent import acp_agent
from openhands.sdk.utils import async_executor, async_utils

# Who sets a limit on an event loop. Releases before 1.25.0 set that of a prompt in `astep`, newer ones where they look whether the
# server is idle.
OF_FUNCTION = {
    "_await_prompt_response_with_timeout": "prompt",
    "_await_with_idle_deadline": "prompt",
    "astep": "prompt",
    "_arequest_session_cancel": "cancel_send",
    "_drain_cancelled_prompt": "drain",
    "interrupt": "interrupt_wait",
    "close": "close_wait",
}
# Whose calls of the portal have the limit of a prompt.
STEP = "step"


class Instead:
    """A module with some functions of ours in place of its own."""

    def __init__(self, module, **ours):
        self.__dict__.update(ours)
        self.module = module

    def __getattr__(self, name):
        return getattr(self.module, name)


class Limited(float):
    """A duration that is the limit of a prompt."""


async def wait_for(awaitable, timeout):
    """`asyncio.wait_for`, with the limit named by the function that calls it."""
    name = OF_FUNCTION.get(sys._getframe(1).f_code.co_name)
    if name is None:
        return await asyncio.wait_for(awaitable, timeout)
    async with contextlib.AsyncExitStack() as stack:
        with limit(name):
            await stack.enter_async_context(asyncio.timeout(timeout))
        return await awaitable


async def wait(futures, *, timeout=None, **options):
    """`asyncio.wait`, with the limit named by the function that calls it.

    Raises `TimeoutError` if a named limit is over: it is over when the clock says so, whatever time has passed.
    """
    name = OF_FUNCTION.get(sys._getframe(1).f_code.co_name)
    if name is None or timeout is None:
        return await asyncio.wait(futures, timeout=timeout, **options)
    with limit(name):
        done, pending = await asyncio.wait(futures, timeout=timeout, **options)
    if not done:
        raise TimeoutError(name)
    return done, pending


async def back_off(delay):
    """The delay before a prompt is sent again, in an asynchronous run."""
    with limit("retry"):
        await asyncio.sleep(delay)


def sleep(delay):
    """The same in a synchronous run."""
    with limit("retry"):
        time.sleep(delay)


@contextlib.contextmanager
def fail_after(delay):
    """`anyio.fail_after`, with the limit of a prompt known by its type. (A scope of anyio looks at the time when its timer goes
    off and when it ends, so this timer moves the scope's deadline into the past.)"""
    if not isinstance(delay, Limited):
        with anyio.fail_after(delay) as scope:
            yield scope
        return
    with anyio.fail_after(None) as scope:

        def expire():
            scope.deadline = 0.0

        with limit("prompt"):
            timer = asyncio.get_running_loop().call_later(delay, expire)
        try:
            yield scope
        finally:
            timer.cancel()


def install(on_left):
    """Names the limits of the SDK from now on. `on_left` is told when the end of a run waits no longer for a subscriber."""
    of_executor = async_executor.AsyncExecutor.run_async
    of_wrapper = async_utils.AsyncCallbackWrapper.wait_for_pending

    def run_async(executor, awaitable, *arguments, timeout=None, **named):
        if timeout is not None and sys._getframe(1).f_code.co_name == STEP:
            timeout = Limited(timeout)
        return of_executor(executor, awaitable, *arguments, timeout=timeout, **named)

    def wait_for_pending(wrapper, timeout=None):
        pending = list(wrapper._pending_futures)
        with limit("pending_drain"):
            of_wrapper(wrapper, timeout)
        if not all(future.done() for future in pending):
            on_left()

    async_executor.AsyncExecutor.run_async = run_async
    async_utils.AsyncCallbackWrapper.wait_for_pending = wait_for_pending
    async_executor.anyio = Instead(anyio, fail_after=fail_after)
    acp_agent.asyncio = Instead(asyncio, wait_for=wait_for, wait=wait, sleep=back_off)
    acp_agent.time = Instead(time, sleep=sleep)


def install_in_service():
    """The same for the event service."""
    from openhands.agent_server import event_service

    event_service.asyncio = Instead(asyncio, wait_for=wait_for)
