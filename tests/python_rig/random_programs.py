"""Random small programs: the outcomes of DPOR must be those of all schedules run one by one.

    python tests/python_rig/random_programs.py [--programs 100] [--seed 1]

Also shows that a dependence that gets lost is found out: with `--lose lock` DPOR does not know of locks, and must miss outcomes.
Exit codes: 0 all are equal, 1 some are not.
"""

import argparse
import json
import random
import sys
import time

import dpor
import engine
from test_rig import EVERY, HERE

# More schedules than these are not run one by one: another program is made.
MOST = 1_500
STEPS = {
    "read": (1,),
    "write": (1, 2),
    "add": (1,),
    "try_lock": (1,),
    "wait": (1,),
    "notify": (1,),
    "set": (1,),
    "clear": (1,),
    "is_set": (1,),
    "wait_set": (1,),
    "put": (1, 2),
    "get": (1,),
    "get_nowait": (1,),
    "submit": (1,),
    "call": (1,),
    "run": (1,),
}
SMALL = ("read", "write", "add", "notify", "put", "get_nowait", "set", "try_lock")


def random_step(source, depth=0):
    """A step, some with steps within."""
    kind = source.choice([*STEPS, "lock", "lock", "lock", "start"] if depth == 0 else SMALL)
    if kind == "lock":
        return ["lock", source.randrange(2), *[random_step(source, 1) for _ in range(source.randint(1, 2))]]
    if kind == "start":
        return ["start", random_step(source, 1)]
    return [kind, int(source.random() < 0.25), *[source.randint(1, 3) for _ in STEPS[kind][1:]]]


def random_program(source):
    """A scenario of two or three actors with a few steps."""
    counts = source.choice([(1, 1), (2, 1), (2, 2), (1, 1, 1), (3, 1)])
    actors = [
        {"name": name, "does": [random_step(source) for _ in range(count)]}
        for name, count in zip(("alice", "bob", "carol"), counts, strict=False)
    ]
    return {"actors": actors}


def adapter_of(scenario):
    """The adapter's text: one with a loop, if a step asks for it."""
    text = (HERE / "random_adapter.py").read_text()
    if '"call"' in json.dumps(scenario):
        return text
    return text[: text.index("class WithLoop")]


def outcome(run):
    """What can be seen of a run."""
    return json.dumps([run.how, run.end["seen"]], sort_keys=True)


class Trial:
    """Runs programs both ways."""

    def __init__(self, python, executor, lose):
        self.python, self.executor = python, executor
        self.sees = (lambda key: True) if lose is None else (lambda key: lose not in key)
        self.schedules = self.classes = self.programs = 0

    def differs(self, worker, scenario):
        """How the outcomes of DPOR differ from those of all schedules; None if there are too many schedules."""
        worker.adapter = {"file": "random_adapter.py", "source": adapter_of(scenario)}
        worker.load(scenario)
        try:
            runs = list(dpor.every(worker, MOST))
        except dpor.TooMany:
            return None
        classes = list(dpor.Dpor(worker, self.sees).runs(10 * MOST))
        self.programs += 1
        self.schedules += len(runs)
        self.classes += len(classes)
        return set(map(outcome, runs)) ^ set(map(outcome, classes))


def play(trial, programs, seed):
    """Plays so many programs; those whose outcomes differ."""
    source, wrong = random.Random(seed), []
    with engine.Worker(trial.python, None, executor=trial.executor) as worker:
        while trial.programs < programs:
            scenario = random_program(source)
            differences = trial.differs(worker, scenario)
            if differences:
                wrong.append((scenario, differences))
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--programs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lose", help="DPOR does not know of objects with this in their keys, and must miss something")
    options = parser.parse_args()
    python, executor = EVERY[0]
    trial, begun = Trial(python, executor, options.lose), time.monotonic()
    wrong = play(trial, options.programs, options.seed)
    for scenario, differences in wrong[:3]:
        print(json.dumps(scenario["actors"]), *sorted(differences), sep="\n  ")
    print(
        f"{trial.programs} programs, {trial.schedules} schedules, {trial.classes} by DPOR, {len(wrong)} differ, "
        f"{time.monotonic() - begun:.0f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
