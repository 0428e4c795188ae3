"""Starts the rig: `python -I -S -c <this text>`. It has the pipes and the rig's modules before anything else is imported."""

import json
import os
import sys

PACKAGE = "turnloom_rig"


def take_pipes():
    """Moves the pipes to descriptors of our own: what the program reads is empty, what it prints goes to stderr."""
    reads, writes = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return reads, writes


def start_with_fixed_hashes():
    """Starts the interpreter again, so that strings have the same hashes, and sets of them the same order, in every process."""
    for name in [name for name in os.environ if name.startswith("PYTHON")]:
        del os.environ[name]
    os.environ["PYTHONHASHSEED"] = "0"
    os.execv(sys.executable, [sys.executable, "-s", "-P", "-S", "-c", sys.orig_argv[-1]])


def read_line(reads):
    """The first message, and the bytes that came after it."""
    data = b""
    while b"\n" not in data:
        more = os.read(reads, 1 << 16)
        if not more:
            os._exit(0)
        data += more
    return data.split(b"\n", 1)


class Modules:
    """Imports the rig's modules from the sources that the engine has sent, by their names under `turnloom_rig`."""

    def __init__(self, sources):
        self.sources = {f"{PACKAGE}.{name}": source for name, source in sources.items()}
        # Where tracebacks find the lines.
        self.lines = {}

    def find_spec(self, name, path=None, target=None):
        """Where a module comes from; None for one that the engine has not sent."""
        # `importlib` is not imported yet, and must not be by the search for it.
        make_spec = type(sys.__spec__)
        file = f"<{name.replace('.', '/')}.py>"
        if name in self.sources:
            return make_spec(name, self, origin=file)
        if any(one.startswith(name + ".") for one in self.sources):
            return make_spec(name, self, origin=file, is_package=True)
        return None

    def create_module(self, spec):
        """Leaves it to Python to make the module."""
        return None

    def exec_module(self, module):
        """Runs the source of a module. A package without one is empty."""
        name, file = module.__spec__.name, module.__spec__.origin
        source = self.sources.get(name, self.sources.get(f"{name}.__init__", ""))
        module.__file__ = file
        self.lines[file] = source
        if "linecache" in sys.modules:
            self.show_lines()
        exec(compile(source, file, "exec", dont_inherit=True), module.__dict__)

    def show_lines(self):
        """Gives tracebacks the lines of the modules."""
        import linecache

        for file, source in self.lines.items():
            linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file


def main():
    """Loads the rig, then `site`, which may import what the rig replaces, and serves the engine."""
    if sys.flags.hash_randomization:
        start_with_fixed_hashes()
    reads, writes = take_pipes()
    line, rest = read_line(reads)
    modules = Modules(json.loads(line)["modules"])
    sys.meta_path.insert(0, modules)
    from turnloom_rig import first

    first.install()
    from turnloom_rig import protocol, worker

    served = worker.start(protocol.Channel(reads, writes, rest))
    modules.show_lines()
    import site

    site.main()
    served.serve()


main()
