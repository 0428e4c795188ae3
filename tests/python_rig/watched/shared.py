"""Objects that threads share, with locks and without."""

import threading


class Turns:
    """A lock of a package's own, which threads get in the order in which they asked for it."""

    def __init__(self):
        self.mutex = threading.Lock()
        self.owner, self.waiting = None, []

    def acquire(self):
        with self.mutex:
            turn = threading.Condition(self.mutex)
            self.waiting.append(turn)
            while self.owner is not None or self.waiting[0] is not turn:
                turn.wait()
            self.owner = self.waiting.pop(0)
        return True

    def release(self):
        self.hand_on()

    def release_for_now(self):
        """Lets others have their turns, until `acquire_again`."""
        self.hand_on()

    def hand_on(self):
        with self.mutex:
            self.owner = None
            if self.waiting:
                self.waiting[0].notify()

    def acquire_again(self):
        self.acquire()


class Places:
    """Has the methods of a lock, and room for two."""

    def __init__(self):
        self.semaphore = threading.Semaphore(2)

    def acquire(self):
        self.semaphore.acquire()

    def release(self):
        self.semaphore.release()


class Box:
    """What one thread fills before others have it."""

    def fill(self):
        self.content = []
        self.content.append("filled")
        return self


class Counter:
    """Counts, and forgets what others count meanwhile, unless a lock is held."""

    def __init__(self):
        self.count = 0
        self.name = "counter"
        self.log = []
        self.lock, self.turns, self.places = threading.Lock(), Turns(), Places()
        self.under_lock = self.under_turns = self.under_places = self.first = self.half_guarded = 0
        self.box = None

    def add(self):
        self.count += 1
        self.log.append(self.name)

    def add_under_lock(self):
        with self.lock:
            self.under_lock += 1

    def add_under_turns(self):
        self.turns.acquire()
        with self.lock:
            self.first += 1
        self.under_turns += 1
        self.turns.release_for_now()
        with self.lock:
            self.first += 1
        self.turns.acquire_again()
        self.under_turns += 1
        self.turns.release()

    def add_under_places(self):
        self.places.acquire()
        with self.lock:
            self.first += 1
        self.under_places += 1
        self.places.release()

    def look_and_add(self):
        before = self.half_guarded
        with self.lock:
            self.half_guarded = before + 1

    def share_a_box(self):
        with self.lock:
            if self.box is None:
                self.box = Box().fill()
            box = self.box
        self.last = len(box.content)
