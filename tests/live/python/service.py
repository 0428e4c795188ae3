"""The agent server's event service of a real openhands-sdk, with one subscriber. Knows nothing of scenarios."""

import asyncio
import concurrent.futures
import threading

from openhands.agent_server.event_service import EventService
from openhands.agent_server.models import ConfirmationResponseRequest, StoredConversation
from openhands.agent_server.pub_sub import Subscriber
from openhands.sdk import LocalWorkspace, Message, TextContent

from control import LIMIT

# How many steps a run may take where the scenario does not say it.
ITERATIONS = 500


class Service:
    """An event service on an event loop of its own, to be called from any thread."""

    def __init__(self, agent, folder, workspace, limits, policy, conversation_id):
        self.loop = asyncio.new_event_loop()
        if "workers" in limits:
            self.loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(limits["workers"]))
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.service = EventService(
            stored=StoredConversation(
                id=conversation_id,
                agent=agent,
                workspace=LocalWorkspace(working_dir=str(workspace)),
                confirmation_policy=policy,
                max_iterations=limits.get("iterations", ITERATIONS),
                autotitle=False,
            ),
            conversations_dir=folder / "conversations",
        )
        self.do(self.service.start())
        self.conversation = self.service.get_conversation()

    def subscribe(self, listener):
        """Adds a subscriber, who is told how things stand at once; what happens comes after that."""
        seen = len(listener.stream)
        self.do(self.service.subscribe_to_events(listener))
        del listener.stream[seen:]

    def do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(LIMIT)

    def send_message(self, text, run=False):
        self.do(self.service.send_message(Message(role="user", content=[TextContent(text=text)]), run=run))

    def run(self):
        self.do(self.service.run())

    def interrupt(self):
        self.do(self.service.interrupt())

    def pause(self):
        self.do(self.service.pause())

    def accept_pending_actions(self):
        self.do(self.service.respond_to_confirmation(ConfirmationResponseRequest(accept=True)))

    def reject_pending_actions(self):
        self.do(self.service.respond_to_confirmation(ConfirmationResponseRequest(accept=False)))

    def switch_acp_model(self, model):
        self.do(self.service.switch_acp_model(model))

    def close(self):
        self.do(self.service.close())

    def is_idle(self):
        """Whether no run is in flight, and none is about to begin at the end of one."""

        async def looked():
            return not any(task.get_coro().__name__ == "_run_and_publish" for task in asyncio.all_tasks())

        return self.do(looked())


class Listener(Subscriber):
    """Takes in what is published, in words, some of it not before `is_ready` of it returns; tells of each event."""

    def __init__(self, published, is_ready, on_event):
        self.published = published
        self.is_ready = is_ready
        self.on_event = on_event
        self.stream = []

    async def __call__(self, event):
        told = self.published(event)
        if told is not None:
            await self.is_ready(told)
            self.stream.append(told)
        self.on_event(event)
