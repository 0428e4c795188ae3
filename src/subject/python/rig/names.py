"""Keys and names of what a program makes: they say who made a thing and where, and are the same in every execution."""

import re
import sys

# The prefix of the file names of the rig's own code.
RIG = "<turnloom_rig"
# Parts of the standard library that make things for their callers.
ON_BEHALF = ("/threading.py", "/queue.py", "/contextlib.py", "/dataclasses.py", "/asyncio/", "/functools.py")
# The counters at the end of the names that the standard library gives to threads.
COUNTER = re.compile(r"[-_ ]*\d+$")
RUNS = re.compile(r"^Thread-\d+ \((.*)\)$")


class Shared:
    """An object that threads share: what an operation is done to."""

    __slots__ = ("key", "name")

    def __init__(self, name, key=None):
        self.name = name
        self.key = key if key is not None else Names.current.key_of(name)


class Names:
    """What the threads of an execution have made so far."""

    # The names of the execution that runs.
    current = None

    def __init__(self, maker):
        # Whose thread runs now: a function, so that names need no scheduler.
        self.maker = maker
        self.roles = {}
        Names.current = self

    def key_of(self, kind):
        """The key of the next thing of this kind that the current thread makes."""
        thread = self.maker()
        count = thread.made[kind] = thread.made.get(kind, 0) + 1
        return f"{thread.key}/{kind}#{count}"

    def make(self, kind, frame):
        """A shared object that is made now, by what called the frame, and whether it is a detail of a library."""
        function, is_detail = site(frame)
        thread = self.maker()
        kind_of_site = f"{kind}@{function}"
        count = thread.made[kind_of_site] = thread.made.get(kind_of_site, 0) + 1
        owner = function.removesuffix(".__init__").replace(".<locals>", "").replace("<module>", "module")
        name = f"{owner} {kind}" if count == 1 else f"{owner} {kind} {count}"
        if not thread.is_main:
            name = f"{name} of {thread.role}"
        return Shared(name, f"{thread.key}/{kind_of_site}#{count}"), is_detail

    def role(self, wanted):
        """A role like this one that no other thread has."""
        count = self.roles[wanted] = self.roles.get(wanted, 0) + 1
        return wanted if count == 1 else f"{wanted}-{count}"


def plain(name):
    """The name of a thread without the counter that the standard library gave it."""
    runs = RUNS.match(name)
    return (runs.group(1) if runs else COUNTER.sub("", name)) or "thread"


class Details:
    """Which files make locks that are details of a library, by what their paths contain."""

    def __init__(self):
        library = sys.modules["os"].__file__.rsplit("/", 1)[0]
        self.library = library + "/"
        self.packages = library + "/site-packages/"
        self.parts = ()
        self.known = {}

    def set_parts(self, parts):
        """Files whose paths contain one of these parts make details as well."""
        self.parts = tuple(parts)
        self.known.clear()

    def kind_of(self, file):
        """How locks made in this file count: "passed" (its caller made them), "detail" or "program"."""
        kind = self.known.get(file)
        if kind is None:
            kind = self.known[file] = self._kind_of(file)
        return kind

    def _kind_of(self, file):
        is_of_library = file.startswith(self.library) and not file.startswith(self.packages)
        if file.startswith(RIG) or (is_of_library and any(part in file for part in ON_BEHALF)):
            return "passed"
        is_test = "/test/" in file
        if (is_of_library and not is_test) or file.startswith("<frozen") or any(part in file for part in self.parts):
            return "detail"
        return "program"


details = Details()


def site(frame):
    """The function outside the rig and the libraries that work for their callers, and whether it is a detail."""
    kind_of = details.kind_of
    while frame is not None:
        code = frame.f_code
        kind = kind_of(code.co_filename)
        if kind != "passed":
            return code.co_qualname, kind == "detail"
        frame = frame.f_back
    return "thread", False


def place(frame, packages):
    """The innermost place at or under this frame that is in one of the packages, as `function, file.py:12`; "" for none."""
    found = places(frame, packages, 1)
    return found[0] if found else ""


def places(frame, packages, most=8):
    """The places at and under this frame that are in the packages, innermost first."""
    found = []
    while frame is not None and len(found) < most:
        if is_in(frame.f_globals.get("__name__", ""), packages):
            found.append(at(frame))
        frame = frame.f_back
    return found


def at(frame):
    """Where a frame is, as `function, file.py:12`."""
    code = frame.f_code
    return f"{code.co_qualname}, {code.co_filename.rsplit('/', 1)[-1]}:{frame.f_lineno}"


def is_in(module, packages):
    """Whether a module is one of the packages or in one."""
    return any(module == package or module.startswith(package + ".") for package in packages)
