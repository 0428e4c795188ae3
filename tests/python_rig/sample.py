"""An adapter of a small program with all that a program has: threads, a lock, a condition, an event loop, a queue, an executor."""

import asyncio
import concurrent.futures
import fcntl
import queue
import threading

from turnloom_rig import program


class Bank:
    """An account that two ways lead to: by a lock, and without."""

    def __init__(self):
        self.lock = threading.Lock()
        self.changed = threading.Condition()
        self.balance = 0
        self.log = []

    def put(self, amount, is_careful):
        if is_careful:
            with self.lock:
                self.balance += amount
        else:
            old = self.balance
            with self.lock:
                self.balance = old + amount
        with self.changed:
            self.log.append(amount)
            self.changed.notify_all()

    def wait_for(self, count):
        with self.changed:
            self.changed.wait_for(lambda: len(self.log) >= count)


class Sample(program.Adapter):
    """Steps: `careful` and `careless` put money in, `wait` waits for two, `loop` asks an event loop, `job` an executor."""

    packages = ("turnloom_adapter",)

    def begin(self):
        self.bank = Bank()
        self.seen = []
        self.mail = queue.Queue()
        self.loop = asyncio.new_event_loop()
        self.pool = concurrent.futures.ThreadPoolExecutor(2, "pool")
        self.first, self.second = threading.Lock(), threading.Lock()
        threading.Thread(target=self.loop.run_forever, daemon=True, name="service").start()

    async def answer(self, actor):
        self.seen.append(f"asked by {actor}")
        await asyncio.sleep(0.5)
        self.seen.append(f"answered {actor}")
        return actor

    def act(self, actor, step):
        getattr(self, step)(actor)

    def careful(self, actor):
        self.bank.put(1, True)

    def careless(self, actor):
        self.bank.put(1, False)

    def wait_for_two(self, actor):
        self.bank.wait_for(2)

    def ask(self, actor):
        asyncio.run_coroutine_threadsafe(self.answer(actor), self.loop).result()

    def job(self, actor):
        self.seen.append(self.pool.submit(lambda: f"job of {actor}").result())

    def send(self, actor):
        self.mail.put(actor)

    def take(self, actor):
        self.seen.append(f"{actor} took {self.mail.get()}")

    def run(self, actor):
        asyncio.run(self.answer(actor))

    def one_two(self, actor):
        with self.first, self.second:
            self.seen.append(actor)

    def two_one(self, actor):
        with self.second, self.first:
            self.seen.append(actor)

    def late(self, actor):
        with program.limit("drain"):
            try:
                asyncio.run(asyncio.wait_for(asyncio.Event().wait(), 5))
            except TimeoutError:
                self.seen.append("late")

    def connect(self, actor):
        import socket

        socket.socket()

    def leave(self, actor):
        import os

        os._exit(3)

    async def talk_to(self, command):
        loop = asyncio.get_running_loop()
        transport, client = await loop.subprocess_exec(Client, command)
        transport.get_pipe_transport(0).write(b'{"ask": 1}\n{"ask": 2}\n')
        while len("".join(client.pieces).splitlines()) < 2:
            client.more.clear()
            await client.more.wait()
        self.seen.append(client.pieces)
        transport.kill()
        while not client.is_over:
            client.more.clear()
            await client.more.wait()

    def talk(self, actor):
        program.server.announce("answers")
        asyncio.run(self.talk_to("answers"))

    def start_other(self, actor):
        asyncio.run(self.talk_to("ls"))

    def complete(self, actor):
        pieces = queue.SimpleQueue()
        program.server.complete({"messages": [actor]}, pieces.put)
        self.seen += [actor, *iter(pieces.get, None)]

    def stubborn(self, actor):
        """Goes on whatever happens."""
        while True:
            try:
                self.mail.get()
            except BaseException:
                continue

    def with_ends(self, actor):
        """Waits for ever, with ends that take locks, wait and begin threads."""

        def gone():
            try:
                with self.bank.lock:
                    yield self.mail.get()
            finally:
                self.bank.put(1, True)

        try:
            for _ in gone():
                pass
        finally:
            threading.Thread(target=self.mail.get, name="later").start()
            self.mail.get()

    def wait_in_loop(self, actor):
        """A loop with tasks that never end, and one that does not want to be cancelled."""

        async def never():
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(1)

        async def main():
            await asyncio.gather(never(), never(), asyncio.to_thread(self.mail.get))

        asyncio.run(main())

    def lock_file(self, actor):
        with open(__file__) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.seen.append(f"{actor} in")
            with self.bank.lock:
                self.seen.append(f"{actor} out")
            fcntl.flock(file, fcntl.LOCK_UN)

    def hold(self, actor):
        with self.bank.lock, self.first:
            self.seen.append(actor)

    def wait_alone(self, actor):
        with self.bank.changed:
            try:
                self.bank.changed.wait()
            finally:
                self.bank.put(5, True)

    def happened(self, happening):
        if happening == {"status": "asked under a lock"}:
            with self.bank.lock:
                return self.bank.balance > 0
        return len(self.seen) > happening["seen"]

    def observe(self):
        seen = [one.decode() if isinstance(one, bytes) else one for one in self.seen]
        return {"balance": self.bank.balance, "seen": seen}

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.pool.shutdown()


class Client(asyncio.SubprocessProtocol):
    """Keeps what the server writes."""

    def __init__(self):
        self.pieces = []
        self.more = asyncio.Event()
        self.is_over = False

    def pipe_data_received(self, fd, data):
        self.pieces.append(data.decode())
        self.more.set()

    def process_exited(self):
        self.is_over = True
        self.more.set()
