"""What the rig gives an adapter: the operations, threads, timers and the scripted server of the program under test.

    from turnloom_rig import program

    inbox = program.Shared("inbox")

    def deliver(message):
        program.visible("deliver", inbox)
        messages.append(message)

Everything here is to be called from a thread of the program, that is, from within the methods of an adapter or from what
they start.
"""

from .adapter import Adapter, Refused
from .clock import fire, limit
from .names import Shared
from .process import server
from .scheduler import Uncontrolled, scheduler
from .threads import spawn

__all__ = [
    "Adapter",
    "Refused",
    "Shared",
    "Uncontrolled",
    "anchor",
    "fire",
    "limit",
    "quiet",
    "role",
    "server",
    "spawn",
    "touch",
    "visible",
]


def visible(kind, shared, ready=None, reads=False, says=None):
    """Announces a visible operation of this thread on `shared`, and returns when the thread is told to take it.

    `ready` says whether it can be taken; without it, it always can. `reads` says that it never changes the object. `says` is
    the value that it wrote or got, in words.
    """
    scheduler.visible(kind, shared, ready, reads=reads)
    if says is not None:
        scheduler.say(says)


def touch(shared, changes=True):
    """Says that the step that is being taken uses this object as well."""
    scheduler.touch(shared, changes)


def role():
    """The role of the running thread."""
    return scheduler.current.role


def anchor(log, entry):
    """Says that the step that is being taken appended entry number `entry`, counted from 0, to the log of this name."""
    scheduler.anchor(log, entry)


def quiet():
    """A context in which this thread's operations are no steps of their own, unless they have to wait.

    with program.quiet():
        import a_module_that_takes_locks
    """
    return scheduler.quiet()
