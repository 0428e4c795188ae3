"""The adapters on real packages, with a mock server in the place of the engine's.

    python tests/python_rig/adapters.py --openhands target/live/openhands-1.25.0/bin/python --acp target/live/acp-0.12.1/bin/python

Each option can be given several times, and names a Python that has the package. What is not named is not tested; at least one must
be. Exit codes: 0 all passed, 1 a test failed, 2 no Python was named.
"""

import argparse
import sys
import unittest

import engine
from mock_server import MockServer
from test_rig import executors, scenario

# The Pythons to test, by adapter.
PYTHONS = {"openhands": [], "acp": []}
SCHEDULES = 8

ONE_PROMPT = {
    **scenario(alice=[{"send": {"text": "first"}}, "run"], bob=[{"send": {"text": "second"}}]),
    "agent": {"kind": "acp"},
    "server": [{"on": "any_prompt", "do": [{"say": "done"}, {"answer": "end_turn"}]}],
}
STOPPED = {
    **scenario(
        alice=[{"send": {"text": "first", "run": True}}],
        bob=[{"wait": {"frame": {"method": "session/prompt"}}}, "interrupt"],
    ),
    "agent": {"kind": "acp"},
    "through": "service",
    "gates": ["never"],
    "frames": [{"method": "session/prompt"}],
    "server": [
        {"on": "any_prompt", "do": [{"wait": {"gate": "never"}}, {"answer": "end_turn"}]},
        {"on": "cancel", "do": [{"answer": "cancelled"}]},
    ],
}
WITH_TOOL = {
    **scenario(alice=[{"send": {"text": "first"}}, "run"]),
    "agent": {"kind": "llm"},
    "server": [
        {"on": {"prompt": "first"}, "do": [{"tool_call": {"id": "c1", "name": "look", "arguments": "{}"}}, {"answer": "end_turn"}]},
        {"on": {"tool_result": "c1"}, "do": [{"say": "done"}, {"answer": "end_turn"}]},
    ],
}


def llm_that(*actions, step="run"):
    """A scenario in which the LLM takes these actions."""
    does = scenario(alice=[{"send": {"text": "first"}}, step])
    return {**does, "agent": {"kind": "llm"}, "server": [{"on": "any_prompt", "do": list(actions)}]}


class AdapterTest(unittest.TestCase):
    """Runs each test with each Python of its adapter and each executor. A worker takes one scenario after the other."""

    adapter = None

    @classmethod
    def setUpClass(cls):
        kinds = [(python, executor) for python in PYTHONS[cls.adapter] for executor in executors(python)]
        cls.all_workers = [engine.Worker(python, cls.adapter, executor=executor) for python, executor in kinds]
        for worker in cls.all_workers:
            cls.enterClassContext(worker)

    def workers(self, loaded):
        """A worker that has loaded the scenario, of each kind."""
        for worker in self.all_workers:
            worker.server = MockServer(loaded)
            self.assertEqual(worker.load(loaded).get("refused"), None)
            try:
                yield worker
            except GeneratorExit:
                print(f"failed with {worker.process.args[0]} and {worker.executor}", file=sys.stderr)
                raise

    def play(self, loaded):
        """What is seen of some schedules of a scenario, each complete and the same when it is run again."""
        for worker in self.workers(loaded):
            for seed in range(SCHEDULES):
                run = worker.run(choose=engine.random_choice(seed) if seed else None)
                self.assertEqual(run.how, "complete", f"{run.end['words']} {run.end['unfinished']}")
                # The end has a digest of all steps.
                self.assertEqual(worker.run(path=run.path).end, run.end)
                yield run.end["seen"]


def kinds(seen):
    """The kinds of the events, and what they say."""
    return [(event["kind"], event["text"]) for event in seen["events"] if event["kind"] != "system_prompt"]


class OpenHands(AdapterTest):
    adapter = "openhands"

    def test_a_turn_of_an_acp_agent(self):
        for seen in self.play(ONE_PROMPT):
            calls = [{"call": 'send "first"', "returned": "ok"}, {"call": "run", "returned": "ok"}]
            self.assertEqual(seen["calls"]["alice"], calls)
            self.assertIn(("finish", "done"), kinds(seen))
            self.assertEqual({text for kind, text in kinds(seen) if kind == "user_message"}, {"first", "second"})
            self.assertEqual(seen["end"]["session"], {"process": 1, "session": "s1"})

    def test_a_stop_through_the_service(self):
        for seen in self.play(STOPPED):
            self.assertEqual(seen["calls"]["bob"], [{"call": "interrupt", "returned": "ok"}])
            self.assertEqual(seen["service"][0], {"Message": {"text": "first", "run": True}})
            self.assertIn({"Began": {"by": "Message"}}, seen["service"])
            self.assertIn(("interrupt", ""), kinds(seen))
            self.assertEqual(seen["stream"][-1], {"State": "paused"})

    def test_a_turn_of_an_llm_with_a_tool(self):
        for seen in self.play(WITH_TOOL):
            told = [("user_message", "first"), ("action", "c1"), ("observation", "c1"), ("finish", "done")]
            self.assertEqual(kinds(seen), told)
            self.assertEqual(seen["usage"], {"default": 2})

    def test_an_llm_that_hangs_up_fails_the_run(self):
        for step in ("run", "run_sync"):
            for actions in (["hang_up"], [{"say": "half"}, "hang_up"]):
                for seen in self.play(llm_that(*actions, step=step)):
                    self.assertNotEqual(seen["calls"]["alice"][1]["returned"], "ok")
                    self.assertEqual([kind for kind, _ in kinds(seen)], ["user_message", "error"])
                    self.assertEqual(seen["end"]["status"], "error")

    def test_the_lock_of_the_sdk_guards_what_is_accessed_under_it(self):
        for worker in self.workers(ONE_PROMPT):
            runs = [worker.run(choose=engine.random_choice(seed)) for seed in range(SCHEDULES)]
            owners = {owner for run in runs for owner, _ in run.end["racy"]}
            self.assertTrue(owners)
            self.assertTrue(owners.isdisjoint({"FIFOLock", "MemoryLRUCache"}), owners)

    def test_an_attribute_can_be_made_visible(self):
        attribute = ["ConversationState", "execution_status"]
        for worker in self.workers(ONE_PROMPT):
            before = len(worker.run().steps)
            worker.load(ONE_PROMPT, visible=[attribute])
            run = worker.run()
            seen = [step["op"] for step in run.steps if step["on"] == ".".join(attribute)]
            self.assertEqual((run.how, set(seen)), ("complete", {"read", "write"}))
            self.assertEqual(len(run.steps), before + len(seen))

    def test_a_step_without_a_call_is_refused(self):
        refused = {
            "that the SDK has no call for": {"actors": [{"name": "alice", "does": ["dance"]}]},
            "run_sync through the service": {"through": "service", "actors": [{"name": "alice", "does": ["run_sync"]}]},
            "the tools of an ACP agent are its server's": {"actors": [{"name": "alice", "does": [{"tool": "begin"}]}]},
        }
        for worker in self.workers(ONE_PROMPT):
            for words, change in refused.items():
                self.assertIn(words, worker.load({**ONE_PROMPT, **change})["refused"]["why"])


class Acp(AdapterTest):
    adapter = "acp"

    def test_a_prompt(self):
        for seen in self.play(ONE_PROMPT):
            self.assertEqual({call["returned"] for calls in seen["calls"].values() for call in calls}, {"ok"})
            self.assertIn("finish", [kind for kind, _ in kinds(seen)])
            self.assertEqual(seen["end"]["session"], {"process": 1, "session": "s1"})

    def test_a_prompt_that_fails(self):
        for seen in self.play({**ONE_PROMPT, "server": [{"on": "any_prompt", "do": [{"fail": "no"}]}]}):
            self.assertEqual(seen["calls"]["alice"][-1], {"call": "run", "returned": "RequestError"})

    def test_a_step_of_another_client_is_refused(self):
        for worker in self.workers(ONE_PROMPT):
            change = {"actors": [{"name": "alice", "does": ["interrupt"]}]}
            self.assertIn("interrupt", worker.load({**ONE_PROMPT, **change})["refused"]["why"])


def main():
    """Tests the Pythons that are named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for adapter in PYTHONS:
        parser.add_argument(f"--{adapter}", metavar="PYTHON", action="append", default=[])
    for adapter, pythons in vars(parser.parse_args()).items():
        PYTHONS[adapter] = pythons
    tests = [case for case in (OpenHands, Acp) if PYTHONS[case.adapter]]
    if not tests:
        parser.error("name a Python with --openhands or --acp")
    suite = unittest.TestSuite(map(unittest.defaultTestLoader.loadTestsFromTestCase, tests))
    return 0 if unittest.TextTestRunner().run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
