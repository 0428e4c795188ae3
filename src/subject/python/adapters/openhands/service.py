"""The calls of actors on the event service of the agent server, and its one subscriber."""

import asyncio
import concurrent.futures
import contextvars
import dataclasses

from openhands.agent_server import event_service
from openhands.agent_server.models import ConfirmationResponseRequest, StoredConversation
from openhands.agent_server.pub_sub import Subscriber
from openhands.sdk import LocalWorkspace, Message, TextContent

from turnloom_rig.program import server, spawn, visible

from . import timers
from .conversation import ITERATIONS
from .hooks import Current
from .words import word

# The workers of the loop where the scenario does not count them: the SDK's own number depends on the machine.
WORKERS = 32
# The coroutine of a run in the background.
RUN = "_run_and_publish"
# Who asks for the run that a call of the service may begin. Each call is a task, and so has a context of its own.
CAUSE = contextvars.ContextVar("cause", default="Run")

timers.install_in_service()


class EventService(event_service.EventService):
    """The event service, which notes what it was asked and what it began. Its workspace is made no git repository."""

    # The last run that was noted.
    noted = None

    @staticmethod
    def _ensure_workspace_is_git_repo(working_dir):
        """Does nothing: `git` is a process that no scenario scripts."""

    async def send_message(self, message, run=False, **named):
        if self.is_open():
            note({"Message": {"text": message.content[0].text, "run": run}})
        CAUSE.set("Message")
        return await super().send_message(message, run, **named)

    async def run(self, *arguments, **named):
        cause = "Rerun" if is_run(asyncio.current_task()) else CAUSE.get()
        if cause == "Run":
            note("Run")
        await super().run(*arguments, **named)
        if self._run_task is not None and self._run_task is not self.noted:
            self.noted = self._run_task
            note({"Began": {"by": cause}})

    async def respond_to_confirmation(self, request):
        CAUSE.set("Accept")
        return await super().respond_to_confirmation(request)

    async def _get_execution_status(self):
        status = await super()._get_execution_status()
        if CAUSE.get() == "Accept" and not is_run(asyncio.current_task()):
            note({"Accept": {"waiting": word(status) == "waiting_for_confirmation"}})
        return status

    async def pause(self):
        if self.is_open():
            Current.record.stops.append(note("Pause"))
        await super().pause()

    async def interrupt(self, *, internal_acp_rerun=False):
        if self.is_open() and not internal_acp_rerun:
            Current.record.stops.append(note("Stop"))
        await super().interrupt(**({"internal_acp_rerun": True} if internal_acp_rerun else {}))

    async def close(self):
        note("Closing")
        note("Stop")
        await super().close()


def note(entry):
    """Puts an entry into the service's book; its place there."""
    book = Current.record.service
    book.append(entry)
    return len(book) - 1


def is_run(task):
    """Whether a task is a run in the background."""
    return getattr(task.get_coro(), "__name__", "") == RUN


class Listener(Subscriber):
    """The subscriber: takes in what is published, some of it not before a gate opens."""

    # Newer releases hand pieces of text only to those that want them.
    receives_streaming_deltas = True

    def __init__(self, record, deliveries):
        self.record = record
        self.gates = {delivery["on"]: delivery["gate"] for delivery in deliveries}

    async def __call__(self, event):
        told = self.record.published(event)
        if told is None:
            return
        gate = self.gates.get(told["Event"]["kind"]) if "Event" in told else None
        if gate is not None:
            await opened(gate)
        self.record.stream.append(told)


async def opened(gate):
    """Returns when the gate is open. A thread waits for it, as a loop cannot."""
    loop = asyncio.get_running_loop()
    is_open = loop.create_future()

    def wait():
        visible("wait", server.shared, ready=lambda: server.is_open(gate), reads=True)
        loop.call_soon_threadsafe(is_open.set_result, None)

    spawn("subscriber", wait, daemon=True)
    await is_open


class InService:
    """An event service on an event loop of its own, to be called from any thread.

    Each method of the name of a step is that step; it raises what the service raises.
    """

    def __init__(self, play):
        self.play = play
        self.loop = asyncio.new_event_loop()
        workers = play.limits.get("workers", WORKERS)
        self.loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(workers, thread_name_prefix="asyncio"))
        spawn("loop", self.loop.run_forever, daemon=True)
        self.listener = Listener(play.record, play.scenario.get("subscriber", []))
        self.open()

    def open(self):
        """Starts the service on a new conversation, or on what was saved of it."""
        play, agent = self.play, self.play.agent.make()
        described = {
            "id": play.ID,
            "workspace": LocalWorkspace(working_dir=str(play.workspace)),
            "confirmation_policy": play.policy(),
            "max_iterations": play.limits.get("iterations", ITERATIONS),
            "autotitle": False,
        }
        # Newer releases take the agent apart from what is stored.
        is_apart = "agent" in {field.name for field in dataclasses.fields(event_service.EventService)}
        stored = StoredConversation(**described, **({} if is_apart else {"agent": agent}))
        folder = play.folder / "conversations"
        self.service = EventService(stored=stored, conversations_dir=folder, **({"agent": agent} if is_apart else {}))
        self.do(self.service.start())
        play.record.conversation = self.service.get_conversation()

    def begin(self, is_ready):
        """The rest of the setup: the agent's server, if the scenario begins with a session, and the subscriber."""
        # An agent with an LLM has no server to be started, so it is ready before the subscriber comes.
        record = self.play.record
        if is_ready and record.words.of_llm:
            record.conversation._ensure_agent_ready()
        self.subscribe()
        if is_ready:
            record.conversation._ensure_agent_ready()

    def subscribe(self):
        """Adds the subscriber, who is told how things stand at once; what happens comes after that."""
        seen = len(self.play.record.stream)
        self.do(self.service.subscribe_to_events(self.listener))
        del self.play.record.stream[seen:]

    def do(self, coroutine):
        """What a coroutine returns, or raises, on the service's event loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def send(self, text, run):
        self.do(self.service.send_message(Message(role="user", content=[TextContent(text=text)]), run=run))

    def run(self):
        self.do(self.service.run())

    def interrupt(self):
        self.do(self.service.interrupt())

    def pause(self):
        self.do(self.service.pause())

    def accept(self):
        self.do(self.service.respond_to_confirmation(ConfirmationResponseRequest(accept=True)))

    def reject(self):
        self.do(self.service.respond_to_confirmation(ConfirmationResponseRequest(accept=False)))

    def switch_model(self, model):
        self.do(self.service.switch_acp_model(model))

    def close(self):
        self.do(self.service.close())

    def reload(self):
        self.close()
        self.open()
        note("Opened")
        self.subscribe()

    def is_at_rest(self):
        """Whether no run is in flight, and none is about to begin at the end of one."""
        return not any(map(is_run, asyncio.all_tasks(self.loop)))

    def end(self):
        """Leaves nothing of it."""
        self.close()
        self.loop.call_soon_threadsafe(self.loop.stop)
