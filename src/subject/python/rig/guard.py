"""What the rig cannot control is refused: the call, its file and line are named, and the run ends."""

import os
import signal
import socket
import stat
import sys

from .names import RIG, details
from .scheduler import Uncontrolled, scheduler

real_exit = os._exit

# Audit events that the interpreter raises for what cannot be controlled, and what they are called in a message.
EVENTS = {
    "socket.__new__": "a socket",
    "socket.connect": "connect of a socket",
    "socket.bind": "bind of a socket",
    "socket.getaddrinfo": "getaddrinfo",
    "subprocess.Popen": "a subprocess",
    "os.fork": "os.fork",
    "os.forkpty": "os.forkpty",
    "os.posix_spawn": "os.posix_spawn",
    "os.exec": "os.exec",
    "os.system": "os.system",
    "pty.spawn": "pty.spawn",
    "signal.pthread_kill": "pthread_kill",
}
# Functions for which there is no event.
FUNCTIONS = (
    (os, "pipe"),
    (os, "pipe2"),
    (os, "mkfifo"),
    (os, "kill"),
    (os, "killpg"),
    (os, "fork"),
    (signal, "pause"),
    (signal, "alarm"),
    (signal, "setitimer"),
    (signal, "set_wakeup_fd"),
    (socket, "socketpair"),
)


def caller(frame):
    """The place outside the rig and the standard library that called."""
    found = None
    while frame is not None:
        file = frame.f_code.co_filename
        if not file.startswith(RIG):
            found = found or frame
            if not file.startswith(details.library) or file.startswith(details.packages):
                found = frame
                break
        frame = frame.f_back
    if found is None:
        return "unknown place"
    return f"{found.f_code.co_filename}:{found.f_lineno} ({found.f_code.co_qualname})"


def uncontrolled(call):
    """Ends the run, and makes the error to raise."""
    words = f"{call} cannot be controlled: {caller(sys._getframe(1))}"
    if scheduler.run is not None:
        scheduler.run.fail("uncontrolled", words)
    elif scheduler.setup_failed is None:
        scheduler.setup_failed = "uncontrolled", words
    return Uncontrolled(words)


def is_pipe(path):
    """Whether a file is a pipe: to open it can take for ever."""
    try:
        return isinstance(path, str | bytes) and stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


class Guard:
    """Refuses, while an execution runs."""

    def __init__(self):
        self.is_on = False

    def audit(self, event, args):
        """The hook that the interpreter calls."""
        if self.is_on:
            if event in EVENTS:
                raise uncontrolled(EVENTS[event])
            if event == "open" and is_pipe(args[0]):
                raise uncontrolled("open of a pipe")

    def replace(self, module, name):
        """A function that is refused while an execution runs."""
        real = getattr(module, name)

        def refused(*args, **kwargs):
            if self.is_on:
                raise uncontrolled(f"{module.__name__}.{name}")
            return real(*args, **kwargs)

        refused.__name__ = refused.__qualname__ = name
        setattr(module, name, refused)

    def install(self):
        """From now on."""
        sys.addaudithook(self.audit)
        for module, name in FUNCTIONS:
            if hasattr(module, name):
                self.replace(module, name)
        real_signal = signal.signal

        def set_handler(number, handler):
            if not self.is_on:
                return real_signal(number, handler)
            if scheduler.current is not scheduler.main:
                raise ValueError("signal only works in main thread of the main interpreter")
            if sys._getframe(1).f_globals.get("__name__") == "asyncio.runners":
                return signal.getsignal(number)
            raise uncontrolled("signal.signal")

        signal.signal = set_handler
        os._exit = self._exit
        os.abort = lambda: self._exit("abort")

    def _exit(self, code):
        """The program ends the process: the engine is told before."""
        self.at_exit(f"the program ended the process (os._exit, {code}): {caller(sys._getframe(1))}")
        real_exit(code if isinstance(code, int) else 134)

    def at_exit(self, words):
        """What tells the engine; `worker` sets it."""


guard = Guard()
