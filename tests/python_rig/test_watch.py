"""Watched attributes: what the rewriting leaves as it is, and what it shows."""

import importlib.util
import pathlib
import subprocess
import sys
import sysconfig
import unittest

import engine
from test_rig import EVERY, HERE, scenario

sys.path.insert(0, str(HERE.parents[1] / "src" / "subject" / "python"))

from rig import rewrite  # noqa: E402

PRINT = "import sys; sys.path.insert(0, sys.argv[1]); from watched import syntax; print(repr(syntax.everything()))"


class Watched(unittest.TestCase):
    def each(self, visible=()):
        """A worker that watches two actors that add, of each kind, and its interpreter."""
        for python, executor in EVERY:
            with engine.Worker(python, HERE / "watching.py", executor=executor) as worker:
                worker.load({**scenario(alice=["add"], bob=["add"]), "folder": str(HERE)}, visible)
                yield python, worker

    def test_rewritten_code_does_what_it_did(self):
        for python, worker in self.each():
            plain = subprocess.run([python, "-c", PRINT, str(HERE)], capture_output=True, text=True, check=True)
            self.assertEqual(worker.run().end["seen"]["syntax"], plain.stdout.strip())

    def test_the_attributes_that_threads_share_and_write_are_told(self):
        for _, worker in self.each():
            self.assertEqual(worker.run().end["racy"], [["Counter", "count"], ["Counter", "log"]])

    def test_accesses_are_uses_of_the_step(self):
        for _, worker in self.each():
            run = worker.run()
            uses = next(step["uses"] for step in run.steps if run.roles[step["t"]] == "alice")
            self.assertIn(["main/Counter#1.count", 1], uses)
            self.assertIn(["main/Counter#1.name", 0], uses)

    def test_an_update_of_a_visible_attribute_can_be_lost(self):
        counts = set()
        for _, worker in self.each([["Counter", "count"]]):
            for seed in range(30):
                run = worker.run(choose=engine.random_choice(seed))
                counts.add(run.end["seen"]["count"])
                operations = [(step["op"], step["on"]) for step in run.steps if step["op"] != "begin"]
                self.assertEqual(operations.count(("read", "Counter.count")), 2)
                self.assertEqual(operations.count(("write", "Counter.count")), 2)
        self.assertEqual(counts, {1, 2})

    def test_the_whole_standard_library_can_be_rewritten(self):
        library = pathlib.Path(sysconfig.get_path("stdlib"))
        files = [
            file for file in library.rglob("*.py") if "site-packages" not in file.parts and "test" not in file.parts
        ]
        self.assertGreater(len(files), 300)
        for file in files:
            if importlib.util.spec_from_file_location("one", file) and "lib2to3" not in file.parts:
                rewrite.rewrite(file.read_bytes(), str(file))


if __name__ == "__main__":
    unittest.main()
