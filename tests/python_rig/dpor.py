"""Two searches for the stand-in engine: all schedules one by one, and one of each class of equal ones (DPOR).

DPOR is Flanagan's and Godefroid's, with sleep sets: it runs an execution, finds the pairs of steps that use the same object, one of
them changing it, and that nothing orders; before the first of such a pair it has the other thread moved first.
"""


class TooMany(Exception):
    """There are more schedules than were asked for."""


def every(worker, most):
    """Runs all schedules; yields each run."""
    path = []
    for _ in range(most):
        run = worker.run(path=path)
        yield run
        path = next_path(run, run.path)
        if path is None:
            return
    raise TooMany


def next_path(run, path):
    """The path after this one in depth-first order; None after the last."""
    while path:
        *before, (thread, alternative) = path
        able = [[other, one] for other, count in run.able[len(before)].items() for one in range(count)]
        # What was taken first, by default or along a path, is not first in order: it is moved there.
        order = in_order(run, len(before), able)
        at = order.index([thread, alternative])
        if at + 1 < len(order):
            return [*before, order[at + 1]]
        path = before
    return None


def in_order(run, index, able):
    """The choices of a decision, beginning with the one by default."""
    last = run.steps[index - 1]["t"] if index else None
    first = last if last in run.able[index] else next(iter(run.able[index]))
    return sorted(able, key=lambda choice: (choice[0] != first, choice))


class Node:
    """A decision on the path that is searched."""

    def __init__(self, able, chosen, sleeping):
        self.able, self.chosen = able, chosen
        self.wanted = {chosen[0]}
        # Threads whose step from here leads to what was seen: their uses.
        self.sleeping = sleeping
        self.uses = None


class Dpor:
    """Searches one class of equal schedules after the other.

    `sees(key)` says of which objects it knows; it must know of all.
    """

    def __init__(self, worker, sees=lambda key: True):
        self.worker, self.sees = worker, sees
        self.nodes = []

    def runs(self, most):
        """Runs what is to be run; yields each run that is not cut short as equal to one before."""
        path, sleeping = [], {}
        for _ in range(most):
            run, is_cut = self._run(path, sleeping)
            self._find_races(run)
            if not is_cut:
                yield run
            path, sleeping = self._next()
            if path is None:
                return
        raise TooMany

    def _run(self, path, sleeping):
        """Along the path, then by default past what sleeps. Returns the run, and whether it ends where all that can move sleeps."""
        # Which threads sleep before each step from the last of the path on.
        states = {max(0, len(path) - 1): dict(sleeping)}

        def choose(run):
            self._look_who_sleeps(run, states)
            awake = [thread for thread in run.can_move() if thread not in states[len(run.steps)]]
            if not awake:
                return None
            last = run.steps[-1]["t"] if run.steps else None
            return [last if last in awake else awake[0], 0]

        run = self.worker.run(path=path, choose=choose)
        is_cut = run.how == "stopped"
        self._look_who_sleeps(run, states)
        # A step that only one thread could take was taken without a question, asleep or not.
        for index, step in enumerate(run.steps):
            if index >= len(path) and step["t"] in states[index]:
                is_cut = True
                del run.steps[index:]
                break
        for index in range(len(self.nodes), len(run.steps)):
            step = run.steps[index]
            self.nodes.append(Node(run.able[index], [step["t"], step["a"]], states[index]))
        for index, step in enumerate(run.steps):
            self.nodes[index].uses = self._uses(step)
        return run, is_cut

    def _look_who_sleeps(self, run, states):
        """Goes on with the states as far as the run has come."""
        for at in range(max(states) + 1, len(run.steps) + 1):
            states[at] = self._still_asleep(states[at - 1], run.steps[at - 1])

    def _uses(self, step):
        return {key: changes for key, changes in step["uses"] if self.sees(key)}

    def _still_asleep(self, asleep, step):
        uses = self._uses(step)
        return {thread: its for thread, its in asleep.items() if thread != step["t"] and not depend(uses, its)}

    def _find_races(self, run):
        """Wants other threads moved where two steps race."""
        clocks, of_thread, of_object = [], {}, {}
        steps = [(step["t"], self._uses(step)) for step in run.steps]
        at_end = [
            (thread, {one["o"]: 1 - one["r"]})
            for thread, one in run.next.items()
            if one is not None and self.sees(one["o"])
        ]
        for index, (thread, uses) in enumerate([*steps, *at_end]):
            before = of_thread.get(thread, {})
            clock = dict(before)
            for key, changes in uses.items():
                for other, its, changed in of_object.get(key, ()):
                    if not (changes or changed):
                        continue
                    if other != thread and before.get(other, -1) < its:
                        self._want(its, index, thread, steps, clocks, before)
                    if index < len(steps):
                        join(clock, clocks[its])
            if index < len(steps):
                clock[thread] = index
                clocks.append(clock)
                of_thread[thread] = clock
                for key, changes in uses.items():
                    of_object.setdefault(key, []).append((thread, index, changes))

    def _want(self, place, index, thread, steps, clocks, before):
        """The thread is to move before the step at this place, or one on whose steps it depends, or any."""
        node = self.nodes[place]
        if thread in node.able:
            node.wanted.add(thread)
            return
        for between in range(place + 1, min(index, len(steps))):
            other = steps[between][0]
            if other in node.able and before.get(other, -1) >= between:
                node.wanted.add(other)
                return
        node.wanted.update(node.able)

    def _next(self):
        """The next path with what sleeps at its end; None if nothing is wanted any more."""
        while self.nodes:
            node = self.nodes[-1]
            thread, alternative = node.chosen
            path = [one.chosen for one in self.nodes[:-1]]
            if alternative + 1 < node.able[thread]:
                node.chosen = [thread, alternative + 1]
                return [*path, node.chosen], dict(node.sleeping)
            node.sleeping = {**node.sleeping, thread: node.uses}
            wanted = [one for one in sorted(node.wanted) if one not in node.sleeping]
            if wanted:
                node.chosen = [wanted[0], 0]
                return [*path, node.chosen], dict(node.sleeping)
            self.nodes.pop()
        return None, None


def depend(some, others):
    """Whether two steps use one object, and one of them changes it."""
    return any(key in others and (changes or others[key]) for key, changes in some.items())


def join(clock, other):
    """Takes in what another step knows."""
    for thread, index in other.items():
        if clock.get(thread, -1) < index:
            clock[thread] = index
