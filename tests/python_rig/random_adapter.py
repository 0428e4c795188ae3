"""An adapter of small random programs: each actor takes steps on locks, conditions, events, queues, a loop and an executor.

What an actor got stands in its own log, so two executions are equal if their logs are.
"""

import asyncio
import concurrent.futures
import queue
import threading

from turnloom_rig import program


class Programs(program.Adapter):
    """A step is a list: what is done, to what, and more steps within."""

    def begin(self):
        self.locks = [threading.Lock(), threading.RLock()]
        self.conditions = [threading.Condition(), threading.Condition(self.locks[0])]
        self.events = [threading.Event() for _ in range(2)]
        self.queues = [queue.Queue(1), queue.SimpleQueue()]
        self.values = [0, 0]
        self.shared = [program.Shared(f"value {index}") for index in range(2)]
        self.logs = {}
        self.pool = self.loop = None

    def act(self, actor, step):
        self.do(self.logs.setdefault(actor, []), step)

    def do(self, log, step):
        getattr(self, step[0])(log, *step[1:])

    def read(self, log, index):
        program.visible("read", self.shared[index], reads=True)
        log.append(self.values[index])

    def write(self, log, index, value):
        program.visible("write", self.shared[index])
        self.values[index] = value

    def add(self, log, index):
        self.read(log, index)
        self.write(log, index, log[-1] + 1)

    def lock(self, log, index, *steps):
        with self.locks[index]:
            for step in steps:
                self.do(log, step)

    def try_lock(self, log, index):
        got = self.locks[index].acquire(False)
        log.append(got)
        if got:
            self.locks[index].release()

    def wait(self, log, index):
        with self.conditions[index]:
            log.append(self.conditions[index].wait())

    def notify(self, log, index):
        with self.conditions[index]:
            self.conditions[index].notify()

    def set(self, log, index):
        self.events[index].set()

    def clear(self, log, index):
        self.events[index].clear()

    def is_set(self, log, index):
        log.append(self.events[index].is_set())

    def wait_set(self, log, index):
        self.events[index].wait()

    def put(self, log, index, value):
        self.queues[index].put(value)

    def get(self, log, index):
        log.append(self.queues[index].get())

    def get_nowait(self, log, index):
        try:
            log.append(self.queues[index].get_nowait())
        except queue.Empty:
            log.append("empty")

    def start(self, log, *steps):
        inner = []
        thread = threading.Thread(target=lambda: [self.do(inner, step) for step in steps], name="inner")
        thread.start()
        self.read(log, 0)
        thread.join()
        log.append(inner)

    def submit(self, log, index):
        if self.pool is None:
            self.pool = concurrent.futures.ThreadPoolExecutor(1, "pool")
        inner = []
        future = self.pool.submit(self.add, inner, index)
        log.append(future.cancel())
        if not log[-1]:
            future.result()
        log.append(inner)

    def call(self, log, index):
        inner = []

        async def on_loop():
            self.add(inner, index)
            await asyncio.sleep(0)
            self.read(inner, index)

        asyncio.run_coroutine_threadsafe(on_loop(), self.loop).result()
        log.append(inner)

    def run(self, log, index):
        async def both():
            await asyncio.gather(once(), once())

        async def once():
            self.read(log, index)
            await asyncio.sleep(0)
            self.write(log, index, log[-1] + 1)

        asyncio.run(both())

    def observe(self):
        return {"logs": self.logs, "values": self.values}


class WithLoop(Programs):
    """The same, with an event loop on a thread of its own."""

    def begin(self):
        super().begin()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True, name="loop").start()
