"""The events of a real openhands-sdk in the words of the model. Knows nothing of scenarios."""

# What the SDK says of a turn that failed.
FAILURES = {"ACP prompt timed out after": "timed out", "ACP error:": "failed"}
NAMES = {
    "SystemPromptEvent": "system_prompt",
    "InterruptEvent": "interrupt",
    "PauseEvent": "pause",
    "ConversationErrorEvent": "error",
}
# The SDK imports this class of the client library under a name of its own.
ERRORS = {"RequestError": "ACPRequestError"}


def in_words(event):
    """The event, or None if the model has none like it."""
    kind, said, tool = type(event).__name__, "", None
    if kind == "MessageEvent":
        said = text(event)
        kind = "user_message" if event.source == "user" else "agent_message"
        if kind == "agent_message":
            said = next((words for start, words in FAILURES.items() if said.startswith(start)), said)
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
    return {"kind": kind, "text": said, "tool": tool, "thread": ""}


def text(event):
    """What a message says."""
    return "".join(block.text for block in event.llm_message.content if hasattr(block, "text"))


def kind_of(error):
    """What kind of error it is."""
    name = type(error).__name__
    return ERRORS.get(name, name)
