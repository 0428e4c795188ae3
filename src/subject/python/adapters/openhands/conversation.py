"""The calls of actors on a conversation of the SDK."""

import asyncio

from openhands.sdk import Conversation

# How many steps a run may take where the scenario does not say it.
ITERATIONS = 500


class InConversation:
    """A conversation that actors call themselves. A run is an event loop on the actor's own thread.

    Each method of the name of a step is that step; it raises what the SDK raises.
    """

    def __init__(self, play):
        self.play = play
        self.open()

    def open(self):
        """Takes the conversation up: a new one, or what was saved of it."""
        play = self.play
        self.conversation = Conversation(
            agent=play.agent.make(),
            conversation_id=play.ID,
            workspace=str(play.workspace),
            persistence_dir=str(play.folder / "saved") if play.is_reloaded else None,
            callbacks=[],
            visualizer=None,
            max_iteration_per_run=play.limits.get("iterations", ITERATIONS),
        )
        self.conversation.set_confirmation_policy(play.policy())
        play.record.conversation = self.conversation

    def begin(self, is_ready):
        """The rest of the setup: starts the agent's server, if the scenario begins with a session."""
        if is_ready:
            self.conversation._ensure_agent_ready()

    def send(self, text, run):
        self.conversation.send_message(text)

    def run(self):
        asyncio.run(self.conversation.arun())

    # To accept is to run.
    accept = run

    def run_sync(self):
        self.conversation.run()

    def interrupt(self):
        self.conversation.interrupt()

    def pause(self):
        self.conversation.pause()

    def reject(self):
        self.conversation.reject_pending_actions()

    def switch_model(self, model):
        self.conversation.switch_acp_model(model)

    def close(self):
        self.conversation.close()

    def reload(self):
        self.close()
        self.open()

    def is_at_rest(self):
        """Whether nothing is in flight besides the steps of actors: there is nothing else."""
        return True

    def end(self):
        """Leaves nothing of it."""
        self.close()
