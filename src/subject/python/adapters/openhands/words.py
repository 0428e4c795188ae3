"""The events of openhands-sdk in the words of observations. Knows nothing of scenarios."""

# What the SDK says of a turn that failed.
FAILURES = {"ACP prompt timed out after": "timed out", "ACP error:": "failed"}
NAMES = {
    "SystemPromptEvent": "system_prompt",
    "InterruptEvent": "interrupt",
    "PauseEvent": "pause",
    "ConversationErrorEvent": "error",
}
# What becomes of the tool calls of an LLM. (The SDK tells of the turns of an ACP agent so too, but that is no tool call.)
OF_TOOLS = {
    "ActionEvent": "action",
    "ObservationEvent": "observation",
    "UserRejectObservation": "rejection",
    "AgentErrorEvent": "agent_error",
}
# The SDK imports this class of the client library under a name of its own.
ERRORS = {"RequestError": "ACPRequestError"}
# What the scripted LLM says where the script answers and says nothing.
NOTHING_SAID = "ok"


class Words:
    """The words for what an agent of this kind does."""

    def __init__(self, kind):
        self.of_llm = kind != "acp"

    def event(self, event, thread):
        """The event, which this thread recorded; None if observations have none like it."""
        kind, said, tool = type(event).__name__, "", None
        if kind == "MessageEvent":
            kind, said = self.message(event)
        elif self.of_llm and kind in OF_TOOLS:
            kind, said = OF_TOOLS[kind], event.tool_call_id
        elif kind == "ActionEvent" and event.tool_name == "finish":
            # What the SDK says where the server said nothing.
            said = event.action.message.replace("(No response from ACP server)", "")
            kind = "finish"
        elif kind == "ACPToolCallEvent":
            kind, said, tool = "tool_call", event.tool_call_id, event.status
        elif kind in NAMES:
            kind = NAMES[kind]
            said = ERRORS.get(event.code, event.code) if kind == "error" else ""
        else:
            return None
        return {"kind": kind, "text": said, "tool": tool, "thread": thread}

    def message(self, event):
        """The kind of a message, and what it says."""
        said = text(event)
        if event.source == "user":
            return "user_message", said
        if self.of_llm:
            # An LLM that says something and calls no tool ends the turn.
            return "finish", "" if said == NOTHING_SAID else said
        return "agent_message", next((words for start, words in FAILURES.items() if said.startswith(start)), said)

    def published(self, event, thread):
        """What a subscriber is told, of an event that this thread recorded; None if it is nothing that observations have."""
        kind = type(event).__name__
        if kind == "StreamingDeltaEvent":
            return {"Delta": event.content}
        if kind == "ConversationStateUpdateEvent":
            if event.key == "full_state":
                return {"State": word(event.value["execution_status"])}
            return {"State": word(event.value)} if event.key == "execution_status" else None
        told = self.event(event, thread)
        return told and {"Event": told}


def word(status):
    """A status as observations have it."""
    return getattr(status, "value", status)


def text(event):
    """What a message says."""
    return "".join(block.text for block in event.llm_message.content if hasattr(block, "text"))


def kind_of(error):
    """What kind of error a call raised: that of the agent, where the SDK wraps it."""
    name = type(getattr(error, "original_exception", error)).__name__
    return ERRORS.get(name, name)
