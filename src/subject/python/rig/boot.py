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
    """Strings must have the same hashes in every process, or sets of them have other orders. Starts the interpreter again."""
    for name in [name for name in os.environ if name.startswith("PYTHON")]:
        del os.environ[name]
    os.environ["PYTHONHASHSEED"] = "0"
    os.execv(sys.executable, [sys.executable, "-s", "-P", "-S", "-c", sys.orig_argv[-1]])


def read_line(reads):
    """The first message, and what came behind it."""
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
        # `importlib` is not imported yet, and must not be by the search for it.
        make_spec = type(sys.__spec__)
        file = f"<{name.replace('.', '/')}.py>"
        if name in self.sources:
            return make_spec(name, self, origin=file)
        if any(one.startswith(name + ".") for one in self.sources):
            return make_spec(name, self, origin=file, is_package=True)
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name, file = module.__spec__.name, module.__spec__.origin
        source = self.sources.get(name, self.sources.get(f"{name}.__init__", ""))
        module.__file__ = file
        self.lines[file] = source
        if "linecache" in sys.modules:
            self.show_lines()
        exec(compile(source, file, "exec", dont_inherit=True), module.__dict__)

    def show_lines(self):
        """Gives the lines of the modules to whoever prints a traceback."""
        import linecache

        for file, source in self.lines.items():
            linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file


def main():
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
