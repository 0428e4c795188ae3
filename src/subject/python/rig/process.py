"""The scripted server: it lives in the engine, and is a process to the program, started by an event loop."""

import asyncio

from .guard import uncontrolled
from .names import Shared
from .scheduler import scheduler

KILLED = -9


class Server:
    """What the program and an adapter do to the scripted server, and what it does."""

    def __init__(self):
        self.channel = None
        self.programs = set()
        self.shared = Shared("server", "server")
        # Whether the execution is over, so that nothing that is done to it counts any more.
        self.is_over = False
        self.reset()

    def reset(self):
        """No process of it lives."""
        self.choices, self.gates, self.frames_read, self.log = 0, {}, [], 0
        # Whether it reads what is written to it; else its pipe is full.
        self.reads = True
        self.process = None
        # How many processes of it began in this execution.
        self.processes = 0
        self.receivers = {}

    def announce(self, program):
        """A subprocess that an event loop starts with this program is the scripted server."""
        self.programs.add(program)

    # -- what is done to it: each is an operation

    def start(self, process=None):
        """A process of it begins. `process` has `received(bytes)` and `exited(code)`, called on the server's thread."""
        self.process = process
        self.processes += 1
        self._call("start")
        scheduler.spawn(lambda: self._live(process), "server", is_daemon=True)

    def frame(self, line):
        """The client wrote this line to it."""
        scheduler.visible("write", self.shared)
        self._call("frame", line=line)

    def kill(self):
        """The process is killed."""
        scheduler.visible("kill", self.shared)
        self.process = None
        self._call("kill")

    def open(self, gate):
        """A gate opens."""
        scheduler.visible("open", self.shared)
        self._call("open", gate=gate)

    def complete(self, request, receive):
        """Asks the scripted LLM for a completion: the body of an HTTP request. `receive(bytes)` gets what is answered, piece by
        piece, on the server's thread, and None when the connection ends, be it before the answer does."""
        scheduler.visible("complete", self.shared)
        answer = self._call("complete", request=request)
        self.receivers[answer["completion"]] = receive
        if not any(thread.role == "server" and not thread.done for thread in scheduler.threads):
            scheduler.spawn(lambda: self._live(None), "server", is_daemon=True)

    def happened(self, holds):
        """Which of the scenario's conditions hold now."""
        self._call("happened", **{"is": holds})

    # -- what is read of it

    def is_open(self, gate):
        """Whether a gate is open."""
        return bool(self.gates.get(gate))

    def frames(self, index):
        """How many frames of those that the scenario waits for, by number, it has read."""
        return self.frames_read[index] if index < len(self.frames_read) else 0

    # -- its thread

    def _live(self, process):
        while True:
            scheduler.visible(
                "step", self.shared, lambda: self._can_step(process), alternatives=self._alternatives, idle=True
            )
            if process is not None and process.is_closed_by_client:
                self.process = None
                self._call("kill")
                return process.exited(0)
            if process is not self.process:
                return None
            did = self._call("take", which=scheduler.current.last)["did"] or {}
            scheduler.say(did.get("label") or "")
            self._write(process, did)
            if did.get("close"):
                self.receivers.pop(did["to"])(None)
            if did.get("exit") is not None:
                self.process = None
                return process.exited(did["exit"]) if process is not None else None

    def _can_step(self, process):
        if process is not self.process or (process is not None and process.is_closed_by_client):
            return True
        return self.choices > 0

    def _alternatives(self):
        return max(1, self.choices)

    def _write(self, process, did):
        """What it wrote leaves, cut in two if the script says so."""
        data = "".join(did.get("write") or ()).encode()
        if not data:
            return
        receive = self.receivers.get(did.get("to"))
        if receive is None:
            receive = process.received
        cut = did.get("cut")
        if cut is not None and cut < len(data):
            receive(data[:cut])
            data = data[cut:]
            scheduler.visible("write", self.shared)
        receive(data)

    def _call(self, do, **more):
        if self.is_over:
            return {"did": None, "completion": None}
        before = self.log
        answer = self.channel.call({"server": {"do": do, **more}})["server"]
        self.choices, self.gates = answer["choices"], answer["gates"]
        self.frames_read, self.log = answer["frames_read"], answer["log"]
        for entry in range(before, self.log):
            scheduler.anchor("server", entry)
        self._read_or_not(answer.get("reads", True))
        scheduler.touch(self.shared)
        return answer

    def _read_or_not(self, reads):
        """A process that reads again empties its pipe."""
        reads_again, self.reads = reads and not self.reads, reads
        if reads_again and self.process is not None:
            self.process.emptied()


server = Server()
scheduler.at_reset.append(server.reset)


async def start(loop, protocol_factory, command):
    """What `loop.subprocess_exec` does for the scripted server."""
    if command[0] not in server.programs:
        raise uncontrolled(f"the subprocess {command[0]!r}")
    protocol = protocol_factory()
    transport = Process(loop, protocol)
    server.start(transport)
    await asyncio.sleep(0)
    return transport, protocol


class Process(asyncio.SubprocessTransport):
    """The scripted server's process as an event loop has it."""

    def __init__(self, loop, protocol):
        super().__init__()
        self._loop, self._protocol = loop, protocol
        self._code, self._waiters = None, []
        self._is_closing = self.is_closed_by_client = self._is_full = False
        self._pipes = {0: Input(self), 1: Output(self), 2: Output(self)}
        self._pieces = []
        loop.call_soon(protocol.connection_made, self)

    # -- what the server's thread calls

    def received(self, data):
        """The server wrote this. What the loop has not read yet is read as one."""
        if self._code is None:
            if not self._pieces:
                self._loop._rig_arrive(self._read)
            else:
                scheduler.touch(self._loop._rig_shared)
            self._pieces.append(data)

    def emptied(self):
        """The server has read what was in its pipe."""
        if self._is_full:
            self._is_full = False
            self._loop._rig_arrive(self._protocol.resume_writing)

    def exited(self, code):
        """The process has ended."""
        if self._code is None:
            self._code = code
            if not self._loop.is_closed():
                self._loop._rig_arrive(self._ended)

    # -- what happens on the loop

    def _read(self):
        data, self._pieces = b"".join(self._pieces), []
        if data:
            self._protocol.pipe_data_received(1, data)

    def _ended(self):
        self._read()
        for descriptor in (0, 1, 2):
            self._protocol.pipe_connection_lost(descriptor, None)
        self._protocol.process_exited()
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.cancelled():
                waiter.set_result(self._code)
        self._protocol.connection_lost(None)

    async def _wait(self):
        if self._code is None:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            await waiter
        return self._code

    # -- what the program does to it

    def write_line(self, data):
        """The program wrote whole lines, or a part of one."""
        self._pipes[0].pending += data
        while b"\n" in self._pipes[0].pending and self._code is None:
            line, self._pipes[0].pending = self._pipes[0].pending.split(b"\n", 1)
            server.frame(line.decode())
        if not (server.reads or self._is_full):
            self._is_full = True
            self._protocol.pause_writing()

    def close_input(self):
        """The program closed the server's input: the server ends by a step of its own."""
        scheduler.visible("close", server.shared)
        self.is_closed_by_client = True

    def kill(self):
        """Ends the process."""
        if self._code is None:
            server.kill()
            self.exited(KILLED)

    terminate = kill

    def send_signal(self, signal):
        """Each signal ends the process."""
        self.kill()

    def close(self):
        """Ends the process, if it has not ended."""
        self._is_closing = True
        self.kill()

    def is_closing(self):
        """Whether it was closed."""
        return self._is_closing

    def get_pid(self):
        """A number that no process has."""
        return 1 << 30

    def get_returncode(self):
        """The exit code; None while it lives."""
        return self._code

    def get_pipe_transport(self, fd):
        """The pipe of this number."""
        return self._pipes.get(fd)


class Input(asyncio.WriteTransport):
    """The pipe to the server."""

    def __init__(self, process):
        super().__init__()
        self.process, self.pending, self.is_closed = process, b"", False

    def write(self, data):
        """Each line that is complete is an operation."""
        self.process.write_line(bytes(data))

    def write_eof(self):
        """Closes it."""
        self.close()

    def can_write_eof(self):
        """It can be closed."""
        return True

    def is_closing(self):
        """Whether it is closed."""
        return self.is_closed

    def close(self):
        """Closes it."""
        if not self.is_closed:
            self.is_closed = True
            if self.process.get_returncode() is None:
                self.process.close_input()

    abort = close

    def get_write_buffer_size(self):
        """Nothing waits in it."""
        return 0


class Output(asyncio.ReadTransport):
    """The pipe from the server."""

    def __init__(self, process):
        super().__init__()
        self.process = process

    def pause_reading(self):
        """A reader that has too much is not kept from more: pipes here have no end of room."""

    def resume_reading(self):
        """See `pause_reading`."""

    def is_closing(self):
        """It closes with the process."""
        return self.process.get_returncode() is not None

    def close(self):
        """It closes with the process."""
