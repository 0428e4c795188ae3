"""The rig through its protocol, with a stand-in engine. Run with `python -m unittest discover -s tests/python_rig`.

RIG_PYTHONS lists the interpreters to test, separated by colons; without it, it is the one that runs the tests. Both executors are
tested where `greenlet` is installed. RIG_FULL=1 tests more programs and files, in about a minute instead of half of one.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import engine

HERE = pathlib.Path(__file__).resolve().parent
SAMPLE = HERE / "sample.py"
PYTHONS = os.environ.get("RIG_PYTHONS", sys.executable).split(":")
IS_FULL = os.environ.get("RIG_FULL") == "1"
MIXED = {
    "actors": [
        {"name": "alice", "does": ["careless", "ask", "send", "job"]},
        {"name": "bob", "does": ["careless", "wait_for_two", "take", "run"]},
    ]
}


def executors(python):
    """The executors that this interpreter has."""
    has_greenlets = subprocess.run([python, "-c", "import greenlet"], stderr=subprocess.DEVNULL).returncode == 0
    return ["greenlets", "threads"] if has_greenlets else ["threads"]


EVERY = [(python, executor) for python in PYTHONS for executor in executors(python)]


def scenario(**does):
    """A scenario with these actors."""
    return {"actors": [{"name": name, "does": steps} for name, steps in does.items()]}


class RigTest(unittest.TestCase):
    """Runs each test with each interpreter and executor."""

    def each(self, scenario, server=None):
        """A worker that has loaded the scenario, of each kind."""
        for python, executor in EVERY:
            with engine.Worker(python, SAMPLE, server=server, executor=executor) as worker:
                self.assertEqual(worker.load(scenario)["ready"]["executor"], executor)
                try:
                    yield worker
                except GeneratorExit:
                    print(f"failed with {python} and {executor}", file=sys.stderr)
                    raise


class Traces(RigTest):
    def test_all_interpreters_and_executors_give_the_same_traces(self):
        digests = set()
        for worker in self.each(MIXED):
            runs = [worker.run(choose=engine.random_choice(seed)) for seed in range(50)]
            self.assertEqual({run.how for run in runs}, {"complete"})
            digests.add(tuple(run.end["digest"] for run in runs))
        self.assertEqual(len(digests), 1)
        self.assertGreater(len(set(digests.pop())), 45)

    def test_the_engine_can_choose_what_the_rig_takes_by_itself(self):
        for worker in self.each(MIXED):
            alone, asked = worker.run(), worker.run(choose=engine.default)
            self.assertEqual((asked.steps, asked.end), (alone.steps, alone.end))

    def test_a_path_gives_one_trace_whenever_it_is_run(self):
        for worker in self.each(MIXED):
            runs = [worker.run(choose=engine.pct(seed, 4, 40)) for seed in range(25)]
            for run in runs + runs[::-1]:
                again = worker.run(path=run.path)
                self.assertEqual((again.steps, again.end), (run.steps, run.end))
            for _ in range(100):
                self.assertEqual(worker.run(path=runs[7].path).end["digest"], runs[7].end["digest"])

    def test_what_happens_in_one_execution_is_not_seen_in_the_next(self):
        for worker in self.each(scenario(alice=["one_two"], bob=["two_one"], carol=["wait_alone"])):
            first = worker.run()
            ends = {worker.run(choose=engine.random_choice(seed)).how for seed in range(40)}
            self.assertEqual(ends, {"deadlock"})
            self.assertEqual(worker.run().steps, first.steps)

    def test_threads_that_are_given_up_leave_nothing(self):
        for worker in self.each(scenario(alice=["with_ends"], bob=["wait_in_loop"])):
            first = worker.run()
            self.assertEqual(first.how, "deadlock")
            places = next(one["place"] for one in first.end["unfinished"] if one["role"] == "bob")
            self.assertEqual([place.split(",")[0] for place in places][0], "Sample.wait_in_loop")
            self.assertIn("Sample.wait_in_loop.<locals>.never", [place.split(",")[0] for place in places])
            for seed in range(30):
                worker.run(choose=engine.random_choice(seed), steps=30)
            again = worker.run()
            self.assertEqual((again.steps, again.end), (first.steps, first.end))
            self.assertFalse(again.end["recycle"])

    def test_a_thread_that_cannot_be_ended_is_told(self):
        for worker in self.each(scenario(alice=["stubborn"])):
            first, second = worker.run(), worker.run()
            self.assertTrue(first.end["recycle"])
            self.assertEqual(second.end, first.end)

    def test_places_are_told_with_words(self):
        for worker in self.each(MIXED):
            places = {step["at"] for step in worker.run(words=True).steps}
            lines = SAMPLE.read_text().splitlines()
            line = next(at for at, text in enumerate(lines, 1) if "self.mail.put" in text)
            self.assertIn(f"Sample.send, sample.py:{line}", places)


class Ends(RigTest):
    def test_two_locks_in_two_orders_deadlock_and_the_report_says_who_waits_for_whom(self):
        for worker in self.each(scenario(alice=["one_two"], bob=["two_one"])):
            runs = [worker.run(choose=engine.random_choice(seed)) for seed in range(30)]
            self.assertEqual({run.how for run in runs}, {"complete", "deadlock"})
            stuck = next(run for run in runs if run.how == "deadlock").end["unfinished"]
            waits = {one["role"]: one["waits_for"] for one in stuck if not one["idle"]}
            self.assertEqual(waits, {"alice": ["bob"], "bob": ["alice"]})
            orders = {tuple(edge) for run in runs for edge in run.end["lock_order"]}
            self.assertEqual({role for _, _, role in orders}, {"alice", "bob"})

    def test_the_engine_can_stop_a_run_and_limit_its_steps(self):
        for worker in self.each(MIXED):
            self.assertEqual(worker.run(choose=lambda run: None).how, "stopped")
            limited = worker.run(steps=7)
            self.assertEqual((limited.how, len(limited.steps)), ("steps", 7))
            self.assertEqual(worker.run().how, "complete")

    def test_a_path_that_does_not_fit_ends_where_it_does_not(self):
        for worker in self.each(MIXED):
            path = worker.run().path
            end = worker.run(path=path[:5] + [[77, 0]]).end
            self.assertEqual((end["how"], end["at"], end["was_taken"]), ("diverged", 5, False))

    def test_an_adapter_that_fails_crashes_the_run_with_the_traceback(self):
        for worker in self.each(scenario(alice=["no_such_step"])):
            end = worker.run().end
            self.assertEqual(end["how"], "crashed")
            self.assertIn("no_such_step", end["words"])

    def test_what_cannot_be_controlled_is_named_with_its_place(self):
        for step, call in {"connect": "a socket", "start_other": "the subprocess 'ls'"}.items():
            for worker in self.each(scenario(alice=[step])):
                end = worker.run().end
                self.assertEqual(end["how"], "uncontrolled")
                self.assertIn(f"{call} cannot be controlled: ", end["words"])
                self.assertIn("sample.py:", end["words"])

    def test_a_program_that_ends_the_process_is_told_of(self):
        for worker in self.each(scenario(alice=["leave"])):
            end = worker.run().end
            self.assertEqual(end["how"], "crashed")
            self.assertIn("os._exit, 3", end["words"])
            self.assertIn("Sample.leave", end["words"])
            self.assertEqual(worker.process.wait(10), 3)

    def test_a_worker_whose_engine_is_gone_ends(self):
        for worker in self.each(MIXED):
            worker.process.stdin.close()
            self.assertEqual(worker.process.wait(5), 0)


class Environment(RigTest):
    def test_a_named_deadline_passes_only_when_it_is_fired(self):
        for worker in self.each(scenario(alice=["late"])):
            run = worker.run()
            self.assertEqual((run.how, run.end["unfinished"][-1]["role"]), ("deadlock", "alice"))
        for worker in self.each({**scenario(alice=["late"]), "clock": [{"fire": "drain"}]}):
            run = worker.run()
            self.assertEqual((run.how, run.end["seen"]["seen"]), ("complete", ["late"]))

    def test_the_scripted_server_answers_step_by_step(self):
        server = engine.Canned(['{"answer": 1}', '{"answer": 2}'])
        seen = set()
        for worker in self.each(scenario(alice=["talk"]), server):
            for seed in range(30):
                run = worker.run(choose=engine.random_choice(seed))
                self.assertEqual(run.how, "complete")
                seen.add(tuple(run.end["seen"]["seen"][0]))
        one, two = '{"answer": 1}\n', '{"answer": 2}\n'
        self.assertEqual(seen, {(one, two), (one + two,)})

    def test_a_completion_gets_its_own_pieces_and_the_end_of_its_connection(self):
        server = engine.CannedLlm(["half of", " an answer"])
        for worker in self.each(scenario(alice=["complete"], bob=["complete"]), server):
            seen = set()
            for seed in range(10):
                run = worker.run(choose=engine.random_choice(seed))
                self.assertEqual(run.how, "complete")
                self.assertEqual(sorted(request["messages"] for request in server.asked), [["alice"], ["bob"]])
                seen.add(tuple(run.end["seen"]["seen"]))
            both = [("alice", "half of", " an answer"), ("bob", "half of", " an answer")]
            self.assertEqual(seen, {both[0] + both[1], both[1] + both[0]})

    def test_actors_wait_for_gates_and_frames(self):
        parts = scenario(alice=[{"wait": {"gate": "go"}}, "careful"], bob=[{"open": "go"}])
        for worker in self.each(parts, engine.Canned([])):
            self.assertEqual({worker.run(choose=engine.random_choice(seed)).how for seed in range(10)}, {"complete"})

    def test_a_lock_of_a_file_is_waited_for_in_virtual_time(self):
        seen = set()
        for worker in self.each(scenario(alice=["lock_file"], bob=["lock_file"])):
            for seed in range(20):
                run = worker.run(choose=engine.random_choice(seed))
                self.assertEqual(run.how, "complete")
                seen.add(tuple(run.end["seen"]["seen"]))
        self.assertEqual(
            seen, {("alice in", "alice out", "bob in", "bob out"), ("bob in", "bob out", "alice in", "alice out")}
        )

    def test_actors_wait_for_conditions(self):
        parts = scenario(alice=[{"wait": {"seen": 0}}, "careful"], bob=["hold"])
        for worker in self.each(parts):
            self.assertEqual({worker.run(choose=engine.random_choice(seed)).how for seed in range(10)}, {"complete"})

    def test_a_condition_that_has_to_wait_crashes_the_run(self):
        for worker in self.each(scenario(alice=[{"wait": {"status": "asked under a lock"}}], bob=["hold"])):
            ends = [worker.run(choose=engine.random_choice(seed)).end for seed in range(20)]
            crashed = [end["words"] for end in ends if end["how"] == "crashed"]
            self.assertTrue(crashed)
            self.assertIn("a question about the program has to wait: lock Bank lock", crashed[0])

    def test_the_server_is_told_of_conditions(self):
        server = engine.Canned([])
        for worker in self.each({**scenario(alice=["hold"]), "conditions": [{"seen": 0}]}, server):
            run = worker.run()
            self.assertEqual(run.server, [{"do": "happened", "is": [True]}])
            last = run.steps[-1]
            self.assertEqual((last["op"], run.roles[last["t"]]), ("lock", "alice"))
            self.assertIn(["server", 1], last["uses"])


class Refusals(unittest.TestCase):
    def test_an_adapter_that_is_missing_or_broken_is_refused(self):
        for python, executor in EVERY:
            with engine.Worker(python, "no_such", executor=executor) as worker:
                self.assertIn("no adapter is called no_such", worker.load()["refused"]["why"])
            with engine.Worker(python, HERE / "engine.py", executor=executor) as worker:
                self.assertIn("Adapter", worker.load()["refused"]["help"])

    def test_a_package_that_is_not_installed_is_refused_with_what_helps(self):
        needs = {"openhands": "openhands-sdk", "acp": "agent-client-protocol"}
        for python in PYTHONS:
            with tempfile.TemporaryDirectory() as folder:
                subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True)
                for adapter, package in needs.items():
                    with engine.Worker(f"{folder}/bin/python", adapter) as worker:
                        refused = worker.load({"actors": []})["refused"]
                    self.assertEqual(refused["why"], f"{package} is not installed")
                    self.assertIn(f"pip install {package}", refused["help"])


if __name__ == "__main__":
    unittest.main()
