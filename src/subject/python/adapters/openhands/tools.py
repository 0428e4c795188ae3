"""Tools of the SDK: one that an actor plays, which looks at its cancel token as tools may do, and those that an LLM calls, which do
nothing but for one. Knows nothing of scenarios.
"""

import functools

from openhands.sdk import Tool
from openhands.sdk.tool import Action, Observation, ToolDefinition, ToolExecutor, register_tool

# The name of the tool that an actor plays.
PLAYED = "played"


class PlayedAction(Action):
    """A tool call of this actor begins."""

    actor: str


class PlayedObservation(Observation):
    """It has begun."""


class PlayedExecutor(ToolExecutor):
    """Keeps the tool calls that have begun for their actors."""

    def __init__(self):
        self.begun = {}

    def __call__(self, action, conversation=None):
        self.begun[action.actor] = ToolCall(conversation)
        return PlayedObservation.from_text(text="played")


EXECUTOR = PlayedExecutor()


class PlayedTool(ToolDefinition[PlayedAction, PlayedObservation]):
    """A tool that an actor plays."""

    name = PLAYED

    @classmethod
    def create(cls, conv_state=None):
        described = {"action_type": PlayedAction, "observation_type": PlayedObservation}
        return [cls(description="Plays a part.", executor=EXECUTOR, **described)]


register_tool(PLAYED, PlayedTool)


class CalledAction(Action, extra="allow"):
    """Whatever an LLM says to a tool."""


class CalledObservation(Observation):
    """It has been called."""


class CalledExecutor(ToolExecutor):
    """Does nothing."""

    def __call__(self, action, conversation=None):
        return CalledObservation.from_text(text="called")


class SwitchExecutor(ToolExecutor):
    """Has the conversation go on with another LLM, as the SDK's own tool of this name does, which wants profiles on disk."""

    def __call__(self, action, conversation=None):
        conversation.switch_llm(conversation.agent.llm.model_copy(update={"usage_id": "switched"}))
        return CalledObservation.from_text(text="switched")


# The tools that do something.
EXECUTORS = {"switch_llm": SwitchExecutor}


class CalledTool(ToolDefinition[CalledAction, CalledObservation]):
    """A tool that an LLM calls."""

    name = "called"

    @classmethod
    def create(cls, conv_state=None):
        described = {"action_type": CalledAction, "observation_type": CalledObservation}
        executor = EXECUTORS.get(cls.name, CalledExecutor)()
        return [cls(description="Answers.", executor=executor, **described)]


@functools.cache
def callable_as(name):
    """A tool of this name for an LLM to call."""
    register_tool(name, type(name, (CalledTool,), {"name": name, "__module__": __name__}))
    return Tool(name=name)


class ToolCall:
    """One call of the tool: it belongs to the run whose token is the conversation's when it begins."""

    def __init__(self, conversation):
        self.conversation = conversation
        self.token = conversation.cancel_token

    def poll_token(self):
        """What it sees of its token, as releases show tokens to tools: that of the conversation, whatever the run."""
        own = self.token is not None and self.token.is_cancelled
        seen = self.conversation.cancel_token
        return {
            "own_run": 0 if self.token is None else self.token.run,
            "own_cancelled": own,
            "seen_run": None if seen is None else seen.run,
            "cancelled": seen is not None and (own if seen is self.token else seen.is_cancelled),
        }


def begin_call(conversation, actor):
    """Begins a call of the tool on this thread. To the actor it goes on until the actor is done."""
    conversation.execute_tool(PLAYED, PlayedAction(actor=actor))
    return EXECUTOR.begun.pop(actor)
