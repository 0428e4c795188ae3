"""CPython's own tests of threads, queues, futures and event loops under the rig, with the default schedule.

    python tests/python_rig/cpython.py [--random 300] [--verbose]

Prints how many passed, failed and were left out. Those that are left out are listed in `cpython_excluded.txt` with the
reason, or do what the rig does not control. Exit codes: 0 at least 95 % of the others passed with each executor, 1 less did.
"""

import argparse
import collections
import pathlib
import random
import sys
import threading

import engine
from test_rig import EVERY

HERE = pathlib.Path(__file__).resolve().parent
MODULES = {
    "threading": ["test.test_threading", "test.test_thread", "test.test_threading_local", "test.test_threadsignals"],
    "queue": ["test.test_queue"],
    "concurrent.futures": [
        f"test.test_concurrent_futures.{name}"
        for name in ("test_thread_pool", "test_future", "test_wait", "test_as_completed", "test_shutdown", "test_init")
    ],
    "asyncio": [
        f"test.test_asyncio.{name}"
        for name in (
            "test_tasks",
            "test_futures",
            "test_futures2",
            "test_locks",
            "test_queues",
            "test_timeouts",
            "test_streams",
            "test_taskgroups",
            "test_waitfor",
            "test_runners",
        )
    ],
}
LEAST = 0.95
# Tests of so many steps run under random schedules as well.
SHORT = 500
# How long one test may take, in seconds of real time, and in steps.
PATIENCE, STEPS = 15, 100_000


def excluded():
    """Parts of the names of tests that are left out, or whole names after a `=`, each with the reason."""
    lines = (HERE / "cpython_excluded.txt").read_text().splitlines()
    return dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))


def reason_for(name, reasons):
    """Why a test is left out; None if it is not."""
    return next((reason for part, reason in reasons.items() if part in name or part == f"={name}"), None)


class Impatient(engine.Worker):
    """A worker that is killed when it takes too long."""

    def receive(self):
        watchdog = threading.Timer(PATIENCE, self.process.kill)
        watchdog.start()
        try:
            return super().receive()
        finally:
            watchdog.cancel()


class Runner:
    """Runs tests one by one, in a new worker where the one before died."""

    def __init__(self, python, executor, modules):
        self.python, self.executor, self.modules = python, executor, modules
        self.worker = None
        self.names = []
        # How many steps each test took.
        self.lengths = {}

    def start(self, order=None):
        """Starts a worker; the tests that there are."""
        self.stop()
        self.worker = Impatient(self.python, HERE / "cpython_adapter.py", executor=self.executor)
        answer = self.worker.load(
            {"modules": self.modules, "order": order, "actors": [{"name": "test", "does": ["run"]}]}
        )
        if "refused" in answer:
            sys.exit(f"{answer['refused']['why']}\n{answer['refused']['help']}")
        self.names = list(answer["ready"]["packages"])

    def stop(self):
        """Ends the worker."""
        if self.worker is not None:
            self.worker.process.kill()
            self.worker.__exit__()
            self.worker = None

    def run(self, tests, choose=lambda index: None):
        """Each test with what was said of it."""
        left = list(enumerate(tests))
        while left:
            self.start([name for _, name in left])
            while left:
                index, name = left.pop(0)
                try:
                    run = self.worker.run(choose=choose(index), steps=STEPS)
                except engine.Died:
                    yield name, "died", ""
                    break
                self.lengths[name] = len(run.steps)
                yield name, *judged(run)
        self.stop()


def judged(run):
    """What is to be said of a test: passed, skipped, failed or uncontrolled, and more words."""
    said = run.end["seen"].get("said", "")
    if run.how == "uncontrolled":
        return "uncontrolled", run.end["words"].split(" cannot be controlled")[0]
    if run.how != "complete":
        stuck = "; ".join(f"{one['role']} at {one['op']} {one['on']}" for one in run.end["unfinished"])
        return "failed", f"{run.how} {run.end['words']} {stuck}"
    if said == "ok":
        return ("passed", "") if run.end["seen"]["ran"] else ("skipped", "it did not run")
    return ("skipped", said) if said.startswith("skipped") else ("failed", said)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--random", type=int, default=0, help="how many tests run under 20 random schedules each as well"
    )
    parser.add_argument("--verbose", action="store_true", help="say what failed")
    parser.add_argument("--part", choices=MODULES, help="only this part")
    parser.add_argument("--only", default="", help="a part of the names of the tests to run")
    options = parser.parse_args()
    reasons, is_good = excluded(), True
    for python, executor in EVERY:
        total, all_passed = collections.Counter(), []
        for part, modules in MODULES.items():
            if options.part not in (None, part):
                continue
            counts, passed = play(Runner(python, executor, modules), reasons, options)
            total += counts
            print(f"{python} {executor} {part}: {summary(counts)}", flush=True)
            all_passed += passed
        is_good = is_good and share(total) >= LEAST
        print(f"{python} {executor} all: {summary(total)}", flush=True)
        if options.random:
            sample = random.Random(7).sample(all_passed, min(len(all_passed), options.random))
            again(Runner(python, executor, sum(MODULES.values(), [])), sample, options)
    return 0 if is_good else 1


def play(runner, reasons, options):
    """Runs the tests of some modules; the counts, and the names of the short ones that passed."""
    runner.start()
    counts, passed = collections.Counter(), []
    names = [name for name in runner.names if options.only in name]
    tests = [name for name in names if reason_for(name, reasons) is None]
    counts["excluded"] = len(names) - len(tests)
    for name, what, words in runner.run(tests):
        counts[what] += 1
        if what == "passed" and runner.lengths[name] <= SHORT:
            passed.append(name)
        if options.verbose and what != "passed":
            print(f"--- {name} {what}: {words}", flush=True)
    return counts, passed


def again(runner, sample, options):
    """Runs tests that passed under random schedules."""
    tests = [name for name in sample for _ in range(20)]
    counts = collections.Counter()
    for name, what, words in runner.run(tests, lambda index: engine.random_choice(index)):
        counts[what] += 1
        if options.verbose and what in ("failed", "died"):
            print(f"--- random {name} {what}: {words}", flush=True)
    print(f"  random schedules of {len(sample)} of them: {summary(counts)}", flush=True)


def share(counts):
    """Which share of the tests that can be run under the rig passed."""
    return counts["passed"] / max(1, counts["passed"] + counts["failed"] + counts["died"])


def summary(counts):
    """The counts in words."""
    if not any(counts.values()):
        return "this Python comes without these tests"
    words = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()) if count)
    return f"{share(counts):.1%} of {words}"


if __name__ == "__main__":
    sys.exit(main())
