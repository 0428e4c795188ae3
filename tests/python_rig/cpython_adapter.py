"""An adapter of CPython's own tests: each execution is one test, on a thread that takes itself for the main thread."""

import importlib.util
import sys
import threading
import unittest
import warnings

from turnloom_rig import program


class Result(unittest.TestResult):
    """How one test ended, in a few words."""

    said = "ok"

    def addSkip(self, test, reason):
        self.said = f"skipped: {reason}"

    def addFailure(self, test, error):
        self.said = "failed: " + self._exc_info_to_string(error, test)

    addError = addFailure

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.addFailure(test, error)

    def addUnexpectedSuccess(self, test):
        self.said = "failed: it was expected to"


def flat(suite):
    """The tests of a suite."""
    for one in suite:
        yield from flat(one) if isinstance(one, unittest.TestSuite) else [one]


def is_installed(name):
    """Whether this Python comes with the module."""
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


class Tests(program.Adapter):
    """Runs the tests of the modules that the scenario names, one an execution, in order or as `order` has it."""

    def load(self, scenario):
        warnings.simplefilter("ignore")
        for parents in scenario.get("folders", []):
            sys.path.insert(0, parents)
        modules = [importlib.import_module(name) for name in scenario["modules"] if is_installed(name)]
        suites = [unittest.defaultTestLoader.loadTestsFromModule(module) for module in modules]
        names = [test.id() for suite in suites for test in flat(suite)]
        self.order = scenario.get("order") or names
        self.names, self.at = names, scenario.get("from", 0)

    def versions(self):
        return dict.fromkeys(self.names, "")

    def begin(self):
        self.result = Result()
        self.name = self.order[self.at % len(self.order)]
        self.at += 1

    def act(self, actor, step):
        main = threading._main_thread
        threading._main_thread = threading.current_thread()
        try:
            test = next(flat(unittest.defaultTestLoader.loadTestsFromName(self.name)))
            suite = unittest.TestSuite([test])
            suite(self.result)
        finally:
            threading._main_thread = main

    def observe(self):
        return {"test": self.name, "said": self.result.said, "ran": self.result.testsRun}
