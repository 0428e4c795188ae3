"""The threads that a scenario asks for: its actors, and the clock that fires timers."""

from . import clock, threads
from .names import Shared
from .process import server
from .scheduler import scheduler


class Actors:
    """Plays the parts of a scenario: the steps `open`, `wait` and `fire` itself, all others through the adapter."""

    def __init__(self, adapter, scenario):
        self.adapter, self.scenario = adapter, scenario
        self.conditions = scenario.get("conditions", [])
        self.frames = scenario.get("frames", [])
        self.hold = None

    def begin(self):
        """Begins the threads. They stand before their first steps."""
        self.hold = [False] * len(self.conditions)
        for actor in self.scenario.get("actors", []):
            threads.spawn(actor["name"], lambda actor=actor: self._play(actor["name"], actor["does"]))
        if self.scenario.get("clock"):
            threads.spawn("clock", lambda: self._play("clock", self.scenario["clock"]), daemon=True)

    def look(self):
        """Tells the server when a condition that it waits for has changed."""
        if self.conditions:
            hold = [self._holds(condition) for condition in self.conditions]
            if hold != self.hold:
                self.hold = hold
                server.happened(hold)

    def _play(self, name, steps):
        for step in steps:
            kind = next(iter(step)) if isinstance(step, dict) else None
            if kind == "open":
                server.open(step["open"])
            elif kind == "wait":
                self._wait(step["wait"], idle=name == "clock")
            elif kind == "fire":
                clock.fire(step["fire"])
            else:
                self.adapter.act(name, step)

    def _holds(self, condition):
        return scheduler.aside(lambda: bool(self.adapter.happened(condition)))

    def _wait(self, happening, idle):
        """Waits until something has happened."""
        if "gate" in happening:
            shared, has_happened = server.shared, lambda: server.is_open(happening["gate"])
        elif "frame" in happening:
            frame = happening["frame"]
            index, count = self.frames.index(frame), frame.get("count", 1)
            shared, has_happened = server.shared, lambda: server.frames(index) >= count
        else:
            shared = self.adapter.watches(happening) or Shared("condition", f"condition/{happening}")
            has_happened = lambda: self._holds(happening)  # noqa: E731
        scheduler.visible("wait", shared, has_happened, reads=True, idle=idle)
