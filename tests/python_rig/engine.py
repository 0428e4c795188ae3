"""A stand-in for the engine: starts a worker as the engine does and speaks the protocol with it.

with Worker(python, adapter_file) as worker:
    worker.load(scenario)
    run = worker.run()                       # the default schedule
    run = worker.run(choose=random_choice(7))
    again = worker.run(path=run.path)
"""

import contextlib
import json
import pathlib
import random
import subprocess

HOUSE = pathlib.Path(__file__).resolve().parents[2] / "src" / "subject" / "python"


def sources():
    """The rig's modules and the adapters, by their names under `turnloom_rig`, and the text that boots them."""
    rig = {file.stem: file.read_text() for file in (HOUSE / "rig").glob("*.py")}
    boot = rig.pop("boot")
    adapters = HOUSE / "adapters"
    for file in adapters.rglob("*.py"):
        rig["adapters." + ".".join(file.relative_to(adapters).with_suffix("").parts)] = file.read_text()
    return boot, rig


class Died(Exception):
    """The worker ended."""


class Run:
    """What came back of one execution."""

    def __init__(self):
        self.born = []
        self.steps = []
        self.end = None
        self.next = {}
        # Before each step: which threads could move, with how many alternatives.
        self.able = []
        self.server = []

    @property
    def path(self):
        """The choices that were taken."""
        return [[step["t"], step["a"]] for step in self.steps]

    @property
    def how(self):
        """How it ended."""
        return self.end["how"]

    @property
    def roles(self):
        """The roles of the threads, by their places."""
        return [role for _, role in self.born]

    def take_in(self, message):
        """Takes in what a message tells."""
        if "begun" in message:
            self.born += message["begun"]["born"]
            self._change(message["begun"]["next"])
        for step in message.get("steps", ()):
            self.able.append(self.can_move())
            self.steps.append(step)
            self.born += step["born"]
            self._change(step["next"])
        self.end = message.get("end", self.end)

    def _change(self, changed):
        for thread, following in changed.items():
            self.next[int(thread)] = following

    def can_move(self):
        """The threads that can move now, each with its alternatives."""
        return {thread: one["n"] for thread, one in sorted(self.next.items()) if one is not None and one["y"]}


class Worker:
    """A process that runs executions."""

    def __init__(self, python, adapter, server=None, executor=None):
        boot, modules = sources()
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([python, "-I", "-S", "-c", boot], stdin=pipe, stdout=pipe)
        self.adapter, self.server, self.executor = adapter, server, executor
        self.send({"modules": modules})

    def __enter__(self):
        return self

    def __exit__(self, *error):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def send(self, message):
        """Sends a message."""
        try:
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Died(f"the worker ended with {self.process.wait()}") from None

    def receive(self):
        """The next message."""
        line = self.process.stdout.readline()
        if not line:
            raise Died(f"the worker ended with {self.process.wait()}")
        return json.loads(line)

    def load(self, scenario=None, visible=()):
        """Loads the adapter and a scenario; what the worker answers."""
        adapter = self.adapter
        if isinstance(adapter, pathlib.Path):
            adapter = {"file": str(adapter), "source": adapter.read_text()}
        load = {"adapter": adapter, "scenario": scenario or {}, "visible": list(visible), "executor": self.executor}
        self.send({"load": load})
        return self.receive()

    def run(self, path=(), choose=None, words=False, steps=100_000):
        """One execution: along the path, then as `choose(run)` says, or by default. Returns its `Run`.

        `choose` returns a thread and an alternative, or None to stop the run. Raises `Died` if the worker ends.
        """
        run = Run()
        self.send({"run": {"path": list(path), "ask": choose is not None, "words": words, "steps": steps}})
        if self.server is not None:
            self.server.begin()
        while run.end is None:
            message = self.receive()
            if "server" in message:
                run.server.append(message["server"])
                self.send({"server": self.server.answer(message["server"])})
                continue
            run.take_in(message)
            if "steps" in message and run.end is None:
                chosen = choose(run)
                self.send({"stop": True} if chosen is None else {"take": chosen})
        return run


def default(run):
    """The choice that the rig takes by itself."""
    able = run.can_move()
    last = run.steps[-1]["t"] if run.steps else None
    return [last if last in able else next(iter(able)), 0]


def random_choice(seed):
    """Chooses at random among all that can move."""
    source = random.Random(seed)

    def choose(run):
        thread, count = source.choice(list(run.can_move().items()))
        return [thread, source.randrange(count)]

    return choose


def pct(seed, depth, length):
    """Probabilistic concurrency testing (PCT): the thread of the highest priority moves, and at `depth - 1` places it gets the
    lowest one."""
    source = random.Random(seed)
    priorities = {}
    falls = {source.randrange(max(1, length)): at for at in range(depth - 1)}

    def choose(run):
        able = run.can_move()
        for thread in able:
            priorities.setdefault(thread, depth + source.random())
        first = max(able, key=priorities.get)
        if len(run.steps) in falls:
            priorities[first] = falls[len(run.steps)]
            first = max(able, key=priorities.get)
        return [first, source.randrange(able[first])]

    return choose


class Canned:
    """A scripted server that answers with frames that were made before: each `frame` makes one step possible, which writes the
    next of them."""

    def __init__(self, frames):
        self.frames = frames
        self.begin()

    def begin(self):
        """Nothing has happened yet."""
        self.left, self.read, self.log, self.gates = list(self.frames), 0, 0, {}
        self.is_alive = False

    def answer(self, request):
        """What the engine says to a request."""
        do, did = request["do"], None
        if do == "start":
            self.is_alive, self.read = True, 0
        elif do == "frame":
            self.read += 1
            self.log += 1
        elif do == "kill":
            self.is_alive = False
        elif do == "open":
            self.gates[request["gate"]] = True
        elif do == "take":
            frame = self.left.pop(0)
            self.read -= 1
            self.log += 1
            did = {"write": [frame + "\n"], "cut": None, "exit": None, "label": frame, "opened": []}
        choices = int(self.is_alive and self.read > 0 and bool(self.left))
        return {"choices": choices, "gates": self.gates, "frames_read": [self.log], "did": did, "log": self.log}


class CannedLlm:
    """A scripted LLM that answers each completion with the same pieces, one a step; with the last the connection ends."""

    def __init__(self, pieces):
        self.pieces = pieces
        self.begin()

    def begin(self):
        """Nothing has been asked for yet."""
        self.asked, self.left, self.log = [], [], 0

    def answer(self, request):
        """What the engine says to a request."""
        answer = {"gates": {}, "frames_read": [], "did": None}
        if request["do"] == "complete":
            self.asked.append(request["request"])
            answer["completion"] = len(self.asked)
            ends = [False] * (len(self.pieces) - 1) + [True]
            self.left += [(len(self.asked), piece, end) for piece, end in zip(self.pieces, ends, strict=True)]
        elif request["do"] == "take":
            to, piece, is_last = self.left.pop(request["which"])
            answer["did"] = {"write": [piece], "cut": None, "exit": None, "to": to, "close": is_last}
        self.log += 1
        return {**answer, "choices": min(1, len(self.left)), "log": self.log}
