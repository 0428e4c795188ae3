"""The hooks on openhands-sdk through which an execution is seen. They are put in once, and change nothing that the SDK does."""

import functools
import sys
import threading

from openhands.sdk import Agent
from openhands.sdk.agent.acp_agent import ACPAgent
from openhands.sdk.conversation.cancellation import CancellationToken
from openhands.sdk.conversation.event_store import EventLog
from openhands.sdk.conversation.impl import local_conversation
from openhands.sdk.conversation.impl.local_conversation import LocalConversation
from openhands.sdk.conversation.state import ConversationState
from openhands.sdk.io import LocalFileStore
from openhands.sdk.utils.async_executor import AsyncExecutor

from turnloom_rig.program import touch

from . import timers
from .words import text, word

# What changes the files of a saved conversation, and what reads them.
WRITES, READS = ("write", "delete"), ("read", "list", "exists")


class Current:
    """The execution that is seen."""

    record = None


class TokenOfRun(CancellationToken):
    """The token of a run that knows its number. The SDK makes it as the first thing in a run."""

    def __init__(self):
        super().__init__()
        self.run = Current.record.begin_run()


def around(owner, name):
    """Puts a function around the method of this name: it gets the method and its arguments."""

    def put(wrapper):
        method = getattr(owner, name)

        @functools.wraps(method)
        def whole(*arguments, **named):
            return wrapper(method, *arguments, **named)

        setattr(owner, name, whole)
        return wrapper

    return put


class ProcessLocks:
    """The locks that the SDK has for the whole process, in modules and classes. An execution that is thrown away may leave one
    taken, so each execution begins with new ones."""

    def __init__(self):
        kinds = type(threading.Lock()), type(threading.RLock())
        modules = [module for name, module in sorted(sys.modules.items()) if name.split(".")[0] == "openhands"]
        classes = {
            one for module in modules for one in vars(module).values()
            if isinstance(one, type) and one.__module__ == module.__name__
        }
        owners = [*modules, *sorted(classes, key=lambda one: (one.__module__, one.__qualname__))]
        held = [(owner, name, lock) for owner in owners for name, lock in vars(owner).items() if isinstance(lock, kinds)]
        # One that several modules have imported stays one.
        self.places = {}
        for owner, name, lock in held:
            self.places.setdefault(id(lock), (type(lock), []))[1].append((owner, name))

    def renew(self):
        """Puts new locks in the place of all of them."""
        for kind, places in self.places.values():
            lock = kind()
            for owner, name in places:
                setattr(owner, name, lock)


def install():
    """Puts the hooks in."""
    local_conversation.CancellationToken = TokenOfRun
    see_log()
    see_files()
    for kind in (ACPAgent, Agent):
        see_steps(kind)
    see_pauses()
    timers.install(lambda: Current.record.service.append("PendingLeft"))
    # A collection of garbage is no step of a program: nothing may depend on when it happens.
    for kind in (LocalConversation, AsyncExecutor):
        if "__del__" in vars(kind):
            del kind.__del__


def see_log():
    """Sees the events that are appended and the statuses that are set."""

    @around(EventLog, "append")
    def append(method, log, event):
        result = method(log, event)
        Current.record.appended(event)
        return result

    @around(ConversationState, "__setattr__")
    def set_attribute(method, state, name, value):
        if name == "execution_status":
            touch(Current.record.status, True)
        method(state, name, value)


def see_files():
    """Sees the folder of a saved conversation as one object that threads share."""
    for name in WRITES + READS:
        if not hasattr(LocalFileStore, name):
            continue

        @around(LocalFileStore, name)
        def use(method, store, *arguments, changes=name in WRITES, **named):
            touch(Current.record.saved, changes)
            return method(store, *arguments, **named)


def see_steps(kind):
    """Sees the steps that runs have an agent of this kind take."""
    step, astep = kind.step, kind.astep

    @functools.wraps(step)
    def seen_step(agent, conversation, *arguments, **named):
        noted = noted_step(conversation, named)
        result = step(agent, conversation, *arguments, **named)
        end_step(conversation, noted)
        return result

    @functools.wraps(astep)
    async def seen_astep(agent, conversation, *arguments, **named):
        noted = noted_step(conversation, named)
        result = await astep(agent, conversation, *arguments, **named)
        end_step(conversation, noted)
        return result

    kind.step, kind.astep = seen_step, seen_astep


def noted_step(conversation, named):
    """A step that begins now; None if it belongs to no run."""
    token, message = conversation._cancel_token, named.get("prompt_message")
    if token is None:
        return None
    return Current.record.begin_step(token.run, None if message is None else text(message))


def end_step(conversation, noted):
    """The step has ended."""
    if noted is not None:
        noted["ended"] = word(conversation._state.execution_status)


def see_pauses():
    """Sees which pauses and interrupts stop nothing: the service keeps a place for each of them in its book."""

    @around(LocalConversation, "pause")
    def pause(method, conversation):
        record = Current.record
        place = record.stops.pop(0) if record.stops else None
        method(conversation)
        if place is not None and record.status_now() != "paused":
            record.service[place] = "VainStop"

    @around(LocalConversation, "interrupt")
    def interrupt(method, conversation):
        stops = Current.record.stops
        place = stops[-1] if stops else None
        method(conversation)
        # One that has cancelled a run has not asked for a pause.
        if place in stops:
            stops.remove(place)
