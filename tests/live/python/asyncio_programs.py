"""Random asyncio programs and the order of events that CPython gives them, for the model of asyncio to be held against.

A program is a line of JSON: `tasks`, each a list of operations in words, of which the first is the main one; and `order`, what
happened when CPython ran it. `tests/asyncio_programs.rs` runs the same lines on the model.

    python asyncio_programs.py --write 1200 tests/live/python/asyncio_programs.jsonl
    python asyncio_programs.py tests/live/python/asyncio_programs.jsonl

The second form runs each program again; it exits with 1 if one has another order here.

Operations, f0 being a future and t1 a task. One that waits ends the task when it fails, unless `?` stands behind it:

    spawn t1        begins the task                    set f0, fail f0      gives it a result, an exception
    pause           gives way once                     cancel f0, cancel t1 cancels it
    await f0        waits for it                       twice t1             cancels it two times
    shield f0       waits for a shield of it           soon                 has a callback run soon
    limit f0        waits within a limit of time       note f0              has a callback run when it is done
    limit-shield f0 the same, shielded                 thread set f0, …     has another thread bring that to the loop
    fire            the next limit is reached

What is noted: `1>` task 1 takes its first step, `1.4` its operation 4 is done (`-` if there was nothing to do; `=`,
`!cancelled`, `!timeout`, `!error` as a wait ended), `1.4*` the callback of operation 4 runs, `1!cancelled` the task ends so.
"""

import argparse
import asyncio
import json
import pathlib
import random
import sys
import threading

FUTURES = 3


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose time goes on only when a limit is fired."""

    now = 0.0

    def time(self):
        return self.now


class Program:
    """One run of one program."""

    def __init__(self, tasks, loop):
        self.tasks = tasks
        self.loop = loop
        self.order = []
        self.futures = [loop.create_future() for _ in range(FUTURES)]
        self.running = {}
        self.armed = []
        self.limits = 0

    async def main(self):
        failure = None
        try:
            await self.task(0)
        except (Exception, asyncio.CancelledError) as error:
            failure = error
        await self.finish()
        del failure

    async def task(self, number):
        self.order.append(f"{number}>")
        for place, operation in enumerate(self.tasks[number]):
            name = f"{number}.{place}"
            words, caught = operation.rstrip("?"), operation.endswith("?")
            try:
                self.order.append(name + await self.do(words.split(), name))
            except (Exception, asyncio.CancelledError) as error:
                self.order.append(name + said(error))
                if not caught:
                    self.order.append(str(number) + said(error))
                    raise

    async def do(self, words, name):
        match words:
            case ["spawn", task]:
                number = int(task[1:])
                self.running[task] = self.loop.create_task(self.task(number))
                return ""
            case ["pause"]:
                await asyncio.sleep(0)
                return ""
            case ["thread", *rest]:
                bring = threading.Thread(
                    target=self.loop.call_soon_threadsafe, args=(self.callback, rest, name + "*")
                )
                bring.start()
                bring.join()
                return ""
            case ["soon"]:
                self.loop.call_soon(self.order.append, name + "*")
                return ""
            case ["await" | "shield" | "limit" | "limit-shield" as how, target]:
                return await self.wait(how, target)
        return self.at_once(words, name)

    async def wait(self, how, target):
        what = self.find(target)
        if what is None:
            return "-"
        if how.endswith("shield"):
            what = asyncio.shield(what)
        if not how.startswith("limit"):
            await what
            return "="
        self.limits += 1
        at = self.limits
        self.armed.append(at)
        try:
            await asyncio.wait_for(what, at - self.loop.now)
        finally:
            if at in self.armed:
                self.armed.remove(at)
        return "="

    def find(self, target):
        return self.running.get(target) if target[0] == "t" else self.futures[int(target[1:])]

    def callback(self, words, name):
        self.order.append(name + self.at_once(words, name))

    def at_once(self, words, name):
        """An operation that does not wait; `-` if there is nothing to do."""
        if words == ["fire"]:
            return self.fire()
        how, target = words
        what = self.find(target)
        if what is None or (how != "note" and what.done()):
            return "-"
        match how:
            case "set":
                what.set_result(None)
            case "fail":
                what.set_exception(ValueError())
                what.exception()
            case "cancel":
                what.cancel()
            case "twice":
                what.cancel()
                what.cancel()
            case "note":
                what.add_done_callback(lambda _: self.order.append(name + "*"))
        return ""

    def fire(self):
        if not self.armed:
            return "-"
        self.loop.now = float(self.armed.pop(0))
        return ""

    async def finish(self):
        """Ends whatever still waits: results for all futures, all limits, then cancellations."""
        for _ in range(4):
            for future in self.futures:
                if not future.done():
                    future.set_result(None)
            while self.fire() != "-":
                pass
            for _ in range(8):
                await asyncio.sleep(0)
        while left := [task for task in self.running.values() if not task.done()]:
            for task in left:
                task.cancel()
            for _ in range(8):
                await asyncio.sleep(0)


def said(error):
    match error:
        case asyncio.CancelledError():
            return "!cancelled"
        case TimeoutError():
            return "!timeout"
    return "!error"


def order(tasks):
    """What happens when CPython runs the program."""
    loop = Loop()
    loop.set_exception_handler(lambda *_: None)
    program = Program(tasks, loop)
    try:
        loop.run_until_complete(program.main())
    finally:
        loop.close()
    return " ".join(program.order)


def make(random):
    """A random program. A task waits only for tasks of a smaller number, so no two wait for each other, and the main one for
    none, so that it comes to its end."""
    count = random.randint(2, 4)
    tasks = []
    for number in range(count + 1):
        operations = [operation(random, number, count) for _ in range(random.randint(2, 6))]
        tasks.append(operations)
    for number in range(count, 0, -1):
        tasks[0].insert(random.randint(0, min(2, len(tasks[0]))), f"spawn t{number}")
    return tasks


def operation(random, number, count):
    future = f"f{random.randrange(FUTURES)}"
    task = f"t{random.randint(1, count)}"
    before = f"t{random.randint(1, number - 1)}" if number > 1 else future
    kind = random.choices(
        ["wait", "pause", "set", "fail", "cancel future", "cancel", "twice", "soon", "note", "fire", "thread"],
        [10, 3, 3, 1, 1, 4, 1, 1, 1, 3, 3],
    )[0]
    match kind:
        case "wait" if number == 0:
            return "pause"
        case "wait":
            how = random.choice(["await", "shield", "limit", "limit", "limit-shield"])
            return f"{how} {random.choice([future, before])}{random.choice(['', '?'])}"
        case "pause":
            return random.choice(["pause", "pause?"])
        case "set" | "fail":
            return f"{kind} {future}"
        case "cancel future":
            return f"cancel {future}"
        case "cancel" | "twice":
            return f"{kind} {task}"
        case "note":
            return f"note {random.choice([future, task])}"
        case "thread":
            return "thread " + random.choice([f"set {future}", f"cancel {task}", f"cancel {future}", "fire"])
    return kind


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=int, metavar="COUNT", help="make so many programs and write them with their orders")
    parser.add_argument("file", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.write:
        programs = [make(random.Random(seed)) for seed in range(arguments.write)]
        lines = [json.dumps({"tasks": tasks, "order": order(tasks)}) for tasks in programs]
        arguments.file.write_text("\n".join(lines) + "\n")
        return
    lines = [json.loads(line) for line in arguments.file.read_text().splitlines()]
    wrong = [(at, line["order"], seen) for at, line in enumerate(lines, 1) if (seen := order(line["tasks"])) != line["order"]]
    for at, written, seen in wrong:
        print(f"{arguments.file.name}:{at}\n  written  {written}\n  here     {seen}")
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"CPython {version}: {len(lines) - len(wrong)} of {len(lines)} programs have the order that is written down")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
