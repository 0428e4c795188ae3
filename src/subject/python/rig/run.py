"""One searched execution: it chooses as the engine says, records each step, and tells the engine."""

import hashlib
import sys

from . import names


class Run:
    """The decisions and the records of one execution.

    What it has to know of the program it asks `outside` (the worker): `look()` before each decision, `is_at_rest()`, `now()`, and
    `places(thread)` where a thread waits.
    """

    def __init__(self, channel, request, packages, outside):
        self.channel = channel
        self.path = request.get("path", [])
        self.asks = request.get("ask", False)
        self.words = request.get("words", False)
        self.most = request.get("steps", 1_000_000)
        # Whether the accesses of attributes are kept with the steps.
        self.keeps_uses = request.get("uses", True)
        self.packages = packages
        self.outside = outside
        self.count = 0
        self.steps = []
        self.step = None
        self.born = []
        self.told = {}
        self.edges = {}
        self.hash = hashlib.blake2b(digest_size=16)
        self.how = None
        self.at = None
        self.says = ""
        self.unfinished = []
        self.took = None

    # -- what the threads tell

    def begin_step(self, thread, kind, shared, reads):
        """A thread takes its operation."""
        self.count += 1
        self.took = thread
        self.hash.update(f"{thread.key} {thread.last} {kind} {shared.key}\n".encode())
        self.step = {
            "t": thread.index,
            "a": thread.last,
            "op": kind,
            "on": shared.name,
            "uses": {shared.key: not reads},
        }
        if self.words:
            self.step["at"] = names.place(sys._getframe(2), self.packages)

    def use(self, shared, changes):
        """The running step uses an object: one with a key, or the key itself."""
        if self.step is not None:
            uses = self.step["uses"]
            if changes or shared not in uses:
                uses[shared] = changes

    def say(self, words):
        """The running step wrote or got this value, in words."""
        if self.words and self.step is not None:
            self.step["says"] = words

    def anchor(self, log, entry):
        """The running step appended this entry to a log of observations."""
        if self.step is not None:
            self.step.setdefault("anchors", []).append([log, entry])

    def bear(self, thread):
        """The running step begins a thread."""
        self.born.append([thread.key, thread.role])

    def lock_order(self, thread, then):
        """A thread takes a lock while it holds others."""
        for held in thread.holds.values():
            self.edges[held.name, then.name, thread.role] = None

    def fail(self, how, words):
        """The execution ends at the next decision."""
        if self.how is None:
            self.how, self.says = how, words

    # -- what the scheduler asks

    def look(self):
        """The program stands before a decision."""
        self.outside.look()

    def is_over(self):
        """Whether something has ended the execution."""
        return self.how is not None

    def is_at_rest(self, threads):
        """Whether all that is to happen has happened, so that time need not pass."""
        return all(thread.done or thread.is_main or thread.is_idle for thread in threads) and self.outside.is_at_rest()

    def choose(self, threads, able, me):
        """The thread that moves next; None if the execution ends here."""
        self._close_step(threads)
        if self.count >= self.most:
            return self.fail("steps", f"more than {self.most} steps")
        if self.count < len(self.path):
            return self._follow(able)
        if self.asks and (len(able) > 1 or alternatives(able[0]) > 1):
            return self._ask(able)
        chosen = me if me in able else able[0]
        chosen.last = 0
        return chosen

    def end(self, threads):
        """The execution is over: finds out how, if that is not known."""
        self._close_step(threads)
        if self.how is None:
            self.how = "complete" if self.is_at_rest(threads) else "deadlock"
        self.unfinished = [
            self._unfinished(thread, threads) for thread in threads if not (thread.done or thread.is_main)
        ]

    def report(self, seen, racy):
        """The last message of the execution, with the steps that were not sent."""
        end = {
            "how": self.how,
            "words": self.says,
            "seen": seen,
            "unfinished": self.unfinished,
            "lock_order": [list(edge) for edge in self.edges],
            "digest": self.hash.hexdigest(),
            "racy": racy,
        }
        if self.at is not None:
            end["at"], end["was_taken"] = self.at, False
        return {"steps": self.steps, "end": end}

    # -- choices

    def _follow(self, able):
        index, alternative = self.path[self.count]
        chosen = self._take(able, index, alternative)
        if chosen is None:
            self.at = self.count
            self.fail("diverged", f"step {self.count} of the path cannot be taken")
        return chosen

    def _ask(self, able):
        self.channel.send({"steps": self.steps})
        self.steps = []
        answer = self.channel.receive()
        if answer.get("stop"):
            return self.fail("stopped", "")
        chosen = self._take(able, *answer["take"])
        if chosen is None:
            self.at = self.count
            self.fail("diverged", f"step {self.count} cannot be taken: {answer['take']}")
        return chosen

    @staticmethod
    def _take(able, index, alternative):
        for thread in able:
            if thread.index == index and (alternative == 0 or alternative < alternatives(thread)):
                thread.last = alternative
                return thread
        return None

    # -- records

    def _close_step(self, threads):
        """Completes the record of the step that ran until now, or that of the beginning."""
        changed = {}
        for thread in threads:
            now = self._next(thread)
            if self.told.get(thread.index, self) != now:
                self.told[thread.index] = now
                changed[thread.index] = named(now)
        step, self.step = self.step, None
        if step is None:
            if self.count == 0:
                born = [[thread.key, thread.role] for thread in threads]
                self.born = []
                self.channel.send({"begun": {"born": born, "next": changed}})
            return
        step["uses"] = keyed(step["uses"])
        step["born"], self.born = self.born, []
        step["next"] = changed
        if self.words:
            step["holds"] = [shared.name for shared in self.took.holds.values()]
            step["now"] = self.outside.now()
        self.steps.append(step)

    @staticmethod
    def _next(thread):
        if thread.done or thread.kind is None:
            return None
        shared, waits = thread.shared, thread.ready is not None
        return (
            thread.kind,
            shared.name,
            shared.key,
            int(thread.reads),
            int(waits),
            int(not waits or thread.is_ready()),
            int(thread.is_idle),
            alternatives(thread),
        )

    def _unfinished(self, thread, threads):
        holders = [
            other.role
            for other in threads
            if other is not thread and (other.key == thread.shared.key or thread.shared in other.holds.values())
        ]
        return {
            "role": thread.role,
            "place": self.outside.places(thread),
            "op": thread.kind,
            "on": thread.shared.name,
            "holds": [shared.name for shared in thread.holds.values()],
            "waits_for": [] if thread.is_ready() else holders,
            "idle": thread.is_idle,
        }


def keyed(uses):
    """The uses of a step as the engine reads them: each key once."""
    by_key = {}
    for shared, changes in uses.items():
        key = shared if isinstance(shared, str) else shared.key
        by_key[key] = changes or by_key.get(key, False)
    return [[key, int(by_key[key])] for key in sorted(by_key)]


def alternatives(thread):
    """In how many ways a thread can take its next operation."""
    return 1 if thread.alternatives is None else max(1, thread.alternatives())


def named(values):
    """The next operation of a thread as the engine reads it."""
    return None if values is None else dict(zip(("op", "on", "o", "r", "w", "y", "i", "n"), values, strict=True))
