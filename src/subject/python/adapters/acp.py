"""The adapter of a plain client on agent-client-protocol: what the agent says while a prompt is in flight is its answer.

`send` keeps a message, `run` prompts with each that was kept. The status is `running` from a prompt on until something that the
agent said was taken in, or the prompt has returned; then it is `finished`.
"""

import asyncio
import contextlib
import importlib.metadata

from turnloom_rig import program

LIBRARY, COMMAND = "agent-client-protocol", "turnloom"


class Adapter(program.Adapter):
    """Plays actors who share one connection and one session."""

    packages = ("acp",)

    def check(self):
        """Refuses where the library is missing."""
        if not list(importlib.metadata.distributions(name=LIBRARY)):
            raise program.Refused(f"{LIBRARY} is not installed", f"pip install {LIBRARY}")

    def versions(self):
        return {LIBRARY: importlib.metadata.version(LIBRARY)}

    def load(self, scenario):
        """Imports the library. Refuses steps that a plain client does not take."""
        steps = {step if isinstance(step, str) else next(iter(step)) for actor in scenario["actors"] for step in actor["does"]}
        if others := steps - {"send", "run", "open", "wait"}:
            raise program.Refused(f"a plain client has no step {min(others)}", "use `send` and `run`")
        import acp

        class Client(acp.Client):
            async def session_update(_, session_id, update, **more):
                if update.session_update == "agent_message_chunk":
                    self.text += update.content.text
                    self.change("finished")

        self.acp, self.client, self.scenario = acp, Client, scenario
        program.server.announce(COMMAND)

    def begin(self):
        """Begins the agent and one session, on an event loop of its own."""
        self.events, self.kept, self.text, self.cursor, self.status = [], [], "", None, "idle"
        self.calls = {actor["name"]: [] for actor in self.scenario["actors"]}
        self.shared, self.loop, self.stack = program.Shared("client"), asyncio.new_event_loop(), contextlib.AsyncExitStack()
        program.spawn("loop", self.loop.run_forever, daemon=True)
        self.do(self.connect())

    def do(self, coroutine):
        """What a coroutine returns, or raises, on the event loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    async def connect(self):
        """Starts the agent's process and opens a session."""
        process = self.acp.spawn_agent_process(self.client(), COMMAND)
        self.connection, _ = await self.stack.enter_async_context(process)
        await self.connection.initialize(protocol_version=1)
        self.session = (await self.connection.new_session(cwd="/", mcp_servers=[])).session_id

    def act(self, actor, step):
        """Takes a step; that a prompt fails is noted."""
        call, returned = "run", "ok"
        if step == "run":
            try:
                self.do(self.prompt_all())
            except Exception as error:
                returned = type(error).__name__
        else:
            call = f'send "{step["send"]["text"]}"'
            self.kept.append(step["send"]["text"])
            self.change(self.status, "user_message", self.kept[-1])
        self.calls[actor].append({"call": call, "returned": returned})

    async def prompt_all(self):
        """Prompts with each message that was kept, the oldest first."""
        while self.kept:
            message = self.kept.pop(0)
            self.change("running")
            await self.connection.prompt(session_id=self.session, prompt=[self.acp.text_block(message)])
            self.change("finished", "finish", self.text)
            self.text, self.cursor = "", message

    def change(self, status, kind=None, text=""):
        """The status changes, and something is put into the log."""
        program.touch(self.shared)
        self.status = status
        if kind is not None:
            program.anchor("events", len(self.events))
            self.events.append({"kind": kind, "text": text, "tool": None, "thread": program.role()})

    def happened(self, happening):
        """Whether the client has a status, or the log holds an event as often as asked."""
        if "status" in happening:
            return self.status == happening["status"]
        wanted = happening["event"]
        fits = [one for one in self.events if all(one[key] == wanted.get(key, one[key]) for key in ("kind", "text"))]
        return len(fits) >= wanted.get("count", 1)

    def watches(self, happening):
        return self.shared

    def observe(self):
        end = {"status": self.status, "cursor": self.cursor, "session": {"process": 1, "session": self.session}}
        return {"events": list(self.events), "calls": self.calls, "stream": [], "tokens": {}, "end": end}

    def close(self):
        self.do(self.stack.aclose())
        self.loop.call_soon_threadsafe(self.loop.stop)
