"""The threads of the program under test, their visible operations, and who moves.

One thread runs at a time. Where it comes to a visible operation it announces it and chooses, as it was told, who moves
next; so there is no thread of the rig between two threads of the program. The thread that runs the rig is thread 0,
`main`: it sets an execution up, waits for its end, and is never chosen meanwhile.
"""

import contextlib
import traceback

from .names import Names, plain

# The numbers of threads, as the program has them, are greater than this.
FIRST_IDENT = 5_000_000
# How far virtual time may go, in seconds.
HORIZON = 600.0
# How much later than a deadline it is when the deadline has passed, in seconds.
TICK = 1e-6
# How often a thread that is being unwound may go on. Three times as often it may come to an operation, then it is given up.
MOST_LAST_OPERATIONS = 1_000
# Most operations of a setup or a close, which no limit of the search ends.
MOST_UNSEARCHED = 2_000_000


class Unwound(SystemExit):
    """Ends a thread of an execution that is over, at the operation it waits for."""


class Stuck(Exception):
    """The setup or the end of an execution cannot go on: each thread waits."""


class Uncontrolled(Exception):
    """The program does what the rig cannot control. The run ends, whatever the program does about it."""


class Thread:
    """A thread of the program and the operation it takes next."""

    __slots__ = (
        "ahead",
        "alternatives",
        "deadline",
        "done",
        "handle",
        "holds",
        "ident",
        "index",
        "is_daemon",
        "is_idle",
        "is_main",
        "is_service",
        "key",
        "kind",
        "last",
        "locals",
        "locks",
        "looked_at",
        "looks",
        "made",
        "native",
        "quiet",
        "reads",
        "ready",
        "role",
        "sentinel",
        "shared",
        "starter",
        "thread",
        "unwinding",
    )

    def __init__(self, index, key, role):
        self.index, self.key, self.role = index, key, role
        self.kind = self.shared = self.ready = self.deadline = self.alternatives = self.handle = self.native = None
        self.thread = self.sentinel = self.starter = None
        self.reads = self.done = self.is_idle = self.is_main = self.is_daemon = self.is_service = False
        self.quiet = self.unwinding = self.last = 0
        self.ahead, self.looked_at, self.looks = 0.0, -1.0, 0
        # How many things of each kind it has made.
        self.made = {}
        # The locks that it holds and reports name; and the keys of all that it holds, with how often it took each.
        self.holds, self.locks = {}, {}
        self.locals = []

    def is_ready(self):
        """Whether it can take its next operation."""
        if self.done or self.kind is None:
            return False
        if self.ready is None or self.ready():
            return True
        return self.deadline is not None and self.deadline.is_over()


class Scheduler:
    """Decides who moves. All that the modules of the rig share is here."""

    def __init__(self):
        self.executor = None
        self.current = None
        self.threads = []
        # Who chooses, records and talks while an execution is searched; none while it is not.
        self.run = None
        self.now = 0.0
        self.unsearched = 0
        self.stuck = None
        # Whether a question about the program is being answered.
        self.is_aside = False
        # How the setup ended, if not well: a kind of end and its words.
        self.setup_failed = None
        self.role_of = lambda thread: None
        # What is told of an error that ends a thread which was not begun through `threading`, with its function.
        self.tell_error = lambda error, function: None
        self.at_reset = []
        # How many executions, setups included, have begun in this process.
        self.execution = 0

    def begin(self, ident):
        """Takes the calling thread, which has this number, as `main`."""
        main = self.main = Thread(0, "load", "main")
        main.is_main, main.ident = True, ident
        self.current = main
        self.reset("load")

    def use(self, executor):
        """Other threads run on this executor. Until there is one, there are none."""
        self.executor = executor
        executor.adopt(self.main)

    def reset(self, key):
        """Nothing is left of the execution before. The next things are made by a `main` of this key."""
        main = self.main
        main.key, main.made, main.holds, main.locks, main.quiet, main.ahead = key, {}, {}, {}, 0, 0.0
        main.looked_at = -1.0
        self.threads = [main]
        self.names = Names(lambda: self.current)
        self.names.role("main")
        self.now, self.unsearched, self.stuck, self.run = 0.0, 0, None, None
        self.setup_failed = None
        self.execution += 1
        for call in self.at_reset:
            call()

    # -- visible operations

    def visible(self, kind, shared, ready=None, deadline=None, reads=False, alternatives=None, idle=False):
        """Announces an operation of this thread and waits until it is taken. Returns True if it was ready, False if its time
        was over.

        It is ready where `ready()` holds or there is no `ready`. `deadline` ends the waiting, see `clock`. `alternatives` is
        a function that counts the ways in which it can be taken; which was taken is then in `Thread.last`. Raises `Unwound`
        where the execution is over, and `Stuck` in the setup where no thread can move.
        """
        me = self.current
        if me.unwinding:
            self._go_on_unwinding(me, ready)
            return True
        run = self.run
        if (me.quiet or (run is None and me.starter is None)) and (ready is None or ready()):
            self.touch(shared, not reads)
            self._count_unsearched()
            return True
        if self.is_aside:
            raise RuntimeError(f"a question about the program has to wait: {kind} {shared.name}")
        me.kind, me.shared, me.ready, me.deadline, me.reads = kind, shared, ready, deadline, reads
        me.alternatives, me.is_idle = alternatives, idle
        if me.starter is not None:
            starter, me.starter = me.starter, None
            self._switch(starter)
        else:
            other = self._decide(me)
            if other is not me:
                self._switch(other)
        if me.unwinding:
            self._go_on_unwinding(me, None)
            return True
        if me.is_main and self.stuck is not None:
            stuck, self.stuck = self.stuck, None
            raise stuck
        is_ready = ready is None or ready()
        me.ready = me.deadline = me.alternatives = None
        if self.run is not None:
            self.run.begin_step(me, kind, shared, reads)
        return is_ready

    def touch(self, shared, changes=True):
        """The running step uses an object besides the one of its operation."""
        if self.run is not None:
            self.run.use(shared.key, changes)

    def say(self, words):
        """What the running step wrote or got, in words."""
        if self.run is not None:
            self.run.say(words)

    def anchor(self, log, entry):
        """The running step appended an entry to a log of observations."""
        if self.run is not None:
            self.run.anchor(log, entry)

    @contextlib.contextmanager
    def quiet(self):
        """What this thread does inside is no step of its own, unless it has to wait."""
        me = self.current
        me.quiet += 1
        try:
            yield
        finally:
            me.quiet -= 1

    def aside(self, question):
        """The answer to a question about the program: what it accesses and takes is no part of a step.

        It must not wait. Where it fails, the run has crashed, and the answer is no.
        """
        run, self.run, self.is_aside = self.run, None, True
        try:
            return question()
        except Exception as error:
            if run is None:
                raise
            run.fail("crashed", "the adapter failed: " + "".join(traceback.format_exception(error)))
            return False
        finally:
            self.run, self.is_aside = run, False

    # -- locks that are held

    def take(self, lock, shared, is_detail):
        """This thread has a lock now. One that is a detail of a library is not told."""
        me = self.current
        me.locks[shared.key] = 1
        if is_detail:
            return
        if self.run is not None and me.holds:
            self.run.lock_order(me, shared)
        me.holds[lock] = shared

    def let_go(self, owner, lock, shared):
        """The lock that a thread had is free."""
        owner.holds.pop(lock, None)
        owner.locks.pop(shared.key, None)
        if self.run is not None:
            self.run.use(shared.key, True)

    # -- threads

    def spawn(self, function, name, thread=None, is_daemon=False, is_service=False, announces=False, handle=None):
        """Begins a thread of the program, which comes to its first operation `begin`, and returns it.

        One that is a service may be idle in the turns of a loop. One that `announces` calls `newborn` itself, once it has
        made itself known; what it does before that is quiet. A `handle` is told of it with `belongs(thread)`.
        """
        maker = self.current
        wanted = (self.role_of(thread) if thread is not None else None) or plain(name)
        count = maker.made[("thread", wanted)] = maker.made.get(("thread", wanted), 0) + 1
        key = f"{maker.key}.{wanted}" if count == 1 else f"{maker.key}.{wanted}#{count}"
        born = Thread(len(self.threads), key, self.names.role(wanted))
        born.ident = FIRST_IDENT + born.index
        born.thread, born.starter, born.quiet = thread, maker, 1
        born.is_daemon, born.is_service = is_daemon, is_daemon or is_service
        self.threads.append(born)
        if self.run is not None:
            self.run.use(key, True)
            self.run.bear(born)
        if handle is not None:
            handle.belongs(born)
        self.executor.start(born, lambda: self._live(born, function, announces))
        self._switch(born)
        return born

    def newborn(self):
        """The running thread is ready to begin: its first operation."""
        me = self.current
        if me.starter is not None:
            me.quiet = 0
            self.visible("begin", _Begin(me.key, me.role))

    def _live(self, me, function, announces):
        """The whole life of a thread."""
        try:
            if not announces:
                self.newborn()
            function()
        except BaseException as error:
            if not isinstance(error, SystemExit) and not me.unwinding:
                self.tell_error(error, function)
        for values in me.locals:
            if (of_all := values()) is not None:
                of_all.pop(me, None)
        self._die(me)

    def _die(self, me):
        me.done, me.kind, me.ready = True, None, None
        if self.run is not None:
            self.run.use(me.key, True)
        if me.sentinel is not None:
            me.sentinel.end()
        if me.unwinding:
            other = self.main
        elif me.starter is not None:
            other, me.starter = me.starter, None
        else:
            other = self._decide(None)
        me.thread = None
        self.current = other
        self.executor.leave(me, other)

    def _switch(self, other):
        me = self.current
        self.current = other
        self.executor.switch(me, other)

    # -- who moves

    def _decide(self, me):
        """Who moves next; `main` if the execution is over."""
        run = self.run
        if run is not None:
            run.look()
            if run.is_over():
                return self._end()
        while True:
            able = [thread for thread in self.threads if thread.is_ready()]
            if able:
                break
            if run is not None and run.is_at_rest(self.threads):
                return self._end()
            if not self._pass_time():
                return self._end()
        if run is None:
            self._count_unsearched()
            return me if me in able else able[0]
        chosen = run.choose(self.threads, able, me)
        return chosen if chosen is not None else self._end()

    def _pass_time(self):
        """Virtual time goes to the next deadline; false if there is none, or it is too far away."""
        deadlines = [at for thread in self.threads if not thread.done and (at := self._deadline(thread)) is not None]
        if not deadlines or min(deadlines) > HORIZON:
            return False
        self.now = max(self.now, min(deadlines)) + TICK
        return True

    @staticmethod
    def _deadline(thread):
        return thread.deadline.at if thread.deadline is not None else None

    def _end(self):
        """The execution is over: `main` goes on."""
        if self.run is not None:
            self.run.end(self.threads)
        else:
            waits = (f"{thread.role} at {thread.kind} {thread.shared.name}" for thread in self.threads if thread.kind)
            self.stuck = Stuck("no thread can move: " + ", ".join(waits))
        return self.main

    def _count_unsearched(self):
        if self.run is None:
            self.unsearched += 1
            if self.unsearched > MOST_UNSEARCHED:
                raise Stuck(f"it takes more than {MOST_UNSEARCHED} operations")

    # -- the end of an execution

    def wait_for_end(self):
        """`main` waits until the execution that is searched is over."""
        self.main.kind, self.main.ready, self.main.deadline = None, None, None
        other = self._decide(None)
        if other is not self.main:
            self._switch(other)

    def unwind(self):
        """Ends each thread but `main` where it waits. Those that go on in spite of it."""
        self.run = None
        for thread in list(self.threads):
            if not (thread.done or thread.is_main or thread.unwinding):
                thread.unwinding = 1
                self._switch(thread)
        # Threads that were begun meanwhile.
        later = [thread for thread in self.threads if not thread.done and not thread.is_main and not thread.unwinding]
        return self.unwind() if later else [thread for thread in self.threads[1:] if not thread.done]

    def _go_on_unwinding(self, me, ready):
        """A thread that is being unwound comes to an operation: only what need not wait is done, and not for ever."""
        me.unwinding += 1
        if me.unwinding > 3 * MOST_LAST_OPERATIONS:
            self._switch(self.main)
        if me.unwinding > 2 and me.unwinding < MOST_LAST_OPERATIONS and (ready is None or ready()):
            return
        raise Unwound


class _Begin:
    """A thread as the object of the operation that begins it."""

    __slots__ = ("key", "name")

    def __init__(self, key, name):
        self.key, self.name = key, name


scheduler = Scheduler()
