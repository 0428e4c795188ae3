"""The main loop: loads a program and a scenario, runs executions of it as the engine says, and cleans up after each."""

import gc
import importlib
import linecache
import sys
import traceback
import types
import warnings

from . import entropy, executors, files, futures, loop, names, threads
from .actors import Actors
from .adapter import Adapter, Refused
from .guard import guard
from .process import server
from .run import Run
from .scheduler import Stuck, Uncontrolled, scheduler
from .watch import watch

# How many executions go by between two collections of garbage.
COLLECT_EVERY = 20
# What the rig does not see, and what may differ from one execution to the next.
NOT_TRACKED = [
    "files",
    "what C extensions do",
    "datetime.now",
    "the order of sets of objects",
    "variables of modules and closures",
    "attributes of other packages",
]


class Worker:
    """Serves one engine, until that closes the pipe."""

    def __init__(self, channel):
        self.channel = channel
        server.channel = channel
        self.adapter = self.actors = None
        self.run = None
        self.executions = 0
        self.zombies = []
        guard.at_exit = self._tell_exit

    def serve(self):
        """Answers each message."""
        while True:
            message = self.channel.receive()
            if "load" in message:
                self.channel.send(self._load(message["load"]))
            elif "run" in message:
                self.channel.send(self._run(message["run"]))

    # -- loading

    def _load(self, load):
        """Imports what is under test. Its answer."""
        try:
            self._take_executor(load.get("executor"))
            adapter = self.adapter = find_adapter(load["adapter"])
            adapter.check()
            names.details.set_parts(adapter.details)
            scheduler.role_of = adapter.role_of
            watch.install(adapter.packages, load.get("visible", []))
            adapter.load(load.get("scenario", {}))
        except Refused as error:
            return {"refused": {"why": error.why, "help": error.help}}
        except (Exception, SystemExit) as error:
            return {"refused": {"why": "the adapter failed: " + last_line(error), "help": traceback.format_exc()}}
        self.actors = Actors(adapter, load.get("scenario", {}))
        self._clean_up()
        gc.collect()
        gc.disable()
        gc.freeze()
        ready = {
            "python": ".".join(map(str, sys.version_info[:3])),
            "executor": scheduler.executor.name,
            "packages": adapter.versions(),
            "not_tracked": NOT_TRACKED,
        }
        return {"ready": ready}

    @staticmethod
    def _take_executor(wanted):
        if scheduler.executor is None:
            try:
                scheduler.use(executors.executor(wanted))
            except ImportError as error:
                raise Refused(f"{wanted} were asked for: {error}", "install greenlet, or use threads") from error
            loop.attach()
        elif wanted not in (None, scheduler.executor.name):
            raise Refused(f"this process has {scheduler.executor.name} already", "start another")

    # -- running

    def _run(self, request):
        """Runs one execution. The message that ends it."""
        scheduler.reset("main")
        server.is_over = False
        run = self.run = Run(self.channel, request, self.adapter.packages, self)
        watch.begin()
        watch.is_on = True
        guard.is_on = True
        try:
            self._play(run)
            report = run.report(self._seen(run), watch.racy())
        finally:
            self._end(run)
        # A worker with threads that cannot be ended grows.
        report["end"]["recycle"] = bool(self.zombies)
        return report

    def _play(self, run):
        """The setup, unsearched, then the execution, until it is over."""
        try:
            self.adapter.begin()
            threads.tell_errors(self._tell_error)
            self.actors.begin()
        except Stuck as error:
            run.fail("deadlock", f"in the setup {error}")
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            run.fail("crashed", "the setup failed: " + "".join(traceback.format_exception(error)))
        if scheduler.setup_failed is not None:
            run.how, run.says = scheduler.setup_failed
        if run.how is None:
            scheduler.run = run
            scheduler.wait_for_end()
        scheduler.run = None

    def _seen(self, run):
        """What is observed; nothing of an execution that was thrown away."""
        if run.how in ("stopped", "diverged"):
            return {}
        try:
            return self.adapter.observe()
        except Exception as error:
            run.how, run.says = "crashed", "it cannot be observed: " + "".join(traceback.format_exception(error))
            return {}

    def _end(self, run):
        """Nothing is left of the execution."""
        scheduler.run = None
        server.is_over = True
        watch.is_on = False
        if run.how == "complete":
            self._close()
        self._clean_up()
        if run.how != "complete":
            self._close()
            self._clean_up()
        guard.is_on = False
        self.run = None
        watch.begin()
        self.executions += 1
        if self.executions % COLLECT_EVERY == 0:
            gc.collect()

    def _close(self):
        try:
            self.adapter.close()
        except (Exception, Uncontrolled):
            # What is left of it is unwound.
            return

    def _clean_up(self):
        """Ends all threads. Those that cannot be ended are kept out of the way."""
        threads.tell_errors(threads.default_hook)
        with warnings.catch_warnings():
            # A coroutine that is not awaited because the execution is over is no mistake of the program.
            warnings.simplefilter("ignore")
            self.zombies += scheduler.unwind()
            scheduler.reset("main")

    # -- what a run asks

    def look(self):
        """Tells the server of conditions that have changed."""
        self.actors.look()

    def is_at_rest(self):
        """Whether the program has nothing to do that it does not wait for."""
        return scheduler.aside(self.adapter.settle)

    def now(self):
        """Virtual time, in seconds."""
        return scheduler.now

    def places(self, thread):
        """Where a thread waits, in the packages under test, and then where the tasks of its loop wait."""
        packages = self.adapter.packages
        own = names.places(scheduler.executor.frame_of(thread), packages)
        return own + (loop.places_of_tasks(thread.shared, packages) if thread.kind == "turn" else [])

    # -- what goes wrong

    def _tell_error(self, args):
        """An actor's thread ended with an error that the adapter has not caught."""
        role = scheduler.current.role
        if self.run is not None and any(actor["name"] == role for actor in self.actors.scenario.get("actors", [])):
            words = "".join(traceback.format_exception(args.exc_value))
            self.run.fail("crashed", f"{role}: {words}")
        else:
            threads.default_hook(args)

    def _tell_exit(self, words):
        if self.run is not None:
            self.run.fail("crashed", words)
            self.channel.send(self.run.report({}, []))


def find_adapter(which):
    """The adapter of this name, or in this file."""
    if isinstance(which, dict):
        module = types.ModuleType("turnloom_adapter")
        module.__file__ = which["file"]
        sys.modules[module.__name__] = module
        source = which["source"]
        linecache.cache[which["file"]] = len(source), None, source.splitlines(keepends=True), which["file"]
        exec(compile(source, which["file"], "exec"), module.__dict__)
    else:
        try:
            module = importlib.import_module(f"turnloom_rig.adapters.{which}")
        except ModuleNotFoundError as error:
            raise Refused(f"no adapter is called {which}", "name one that there is, or a file") from error
    found = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Adapter)]
    found = [one for one in found if one is not Adapter]
    if not found:
        raise Refused("the adapter's file has no class that is an Adapter", "derive one from program.Adapter")
    return max(found, key=lambda one: len(one.__mro__))()


def last_line(error):
    """An error in one line."""
    return traceback.format_exception_only(error)[-1].strip()


def start(channel):
    """Puts the rest of the rig in its place: from here on it has all that it controls."""
    entropy.install()
    files.install()
    futures.install()
    loop.install()
    guard.install()
    return Worker(channel)
