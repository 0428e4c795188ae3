"""Watched attributes: what the rewriting leaves as it is, and what it shows."""

import pathlib
import subprocess
import sys
import sysconfig
import unittest

import engine
from test_rig import EVERY, HERE, IS_FULL, scenario

sys.path.insert(0, str(HERE.parents[1] / "src" / "subject" / "python"))

from rig import rewrite  # noqa: E402

PRINT = "import sys; sys.path.insert(0, sys.argv[1]); from watched import syntax; print(repr(syntax.everything()))"


class Watched(unittest.TestCase):
    def each(self, visible=(), step="add"):
        """A worker that watches two actors that take the step, of each kind, and its interpreter."""
        for python, executor in EVERY:
            with engine.Worker(python, HERE / "watching.py", executor=executor) as worker:
                worker.load({**scenario(alice=[step], bob=[step]), "folder": str(HERE)}, visible)
                yield python, worker

    def test_rewritten_code_does_what_it_did(self):
        for python, worker in self.each():
            plain = subprocess.run([python, "-c", PRINT, str(HERE)], capture_output=True, text=True, check=True)
            self.assertEqual(worker.run().end["seen"]["syntax"], plain.stdout.strip())

    def racy(self, step):
        """The attributes that race in one of some executions, by name."""
        found = set()
        for _, worker in self.each(step=step):
            for seed in range(20):
                run = worker.run(choose=engine.random_choice(seed))
                self.assertEqual(run.how, "complete")
                found |= {tuple(pair) for pair in run.end["racy"]}
        return found

    def test_the_attributes_that_threads_share_and_write_are_told(self):
        self.assertEqual(self.racy("add"), {("Counter", "count"), ("Counter", "log")})

    def test_an_attribute_that_a_lock_guards_at_each_access_does_not_race(self):
        self.assertEqual(self.racy("add_under_lock"), set())
        self.assertEqual(self.racy("look_and_add"), {("Counter", "half_guarded")})

    def test_a_lock_of_the_package_guards_what_is_accessed_while_it_is_held_and_its_own_lock_guards_it(self):
        self.assertEqual(self.racy("add_under_turns"), set())

    def test_what_two_threads_hold_at_the_same_time_guards_nothing(self):
        self.assertEqual(self.racy("add_under_places"), {("Counter", "under_places")})

    def test_what_one_thread_makes_ready_before_others_have_it_does_not_race(self):
        self.assertEqual(self.racy("share_a_box"), {("Counter", "last")})

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

    def test_the_standard_library_can_be_rewritten(self):
        library = pathlib.Path(sysconfig.get_path("stdlib"))
        left_out = {"site-packages", "test", "lib2to3"}
        files = sorted(file for file in library.rglob("*.py") if left_out.isdisjoint(file.parts))
        self.assertGreater(len(files), 300)
        for file in files if IS_FULL else files[::5]:
            rewrite.rewrite(file.read_bytes(), str(file))


if __name__ == "__main__":
    unittest.main()
