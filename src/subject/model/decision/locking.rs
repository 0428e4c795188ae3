//! Who holds the state lock while a step is under way, and which thread the step keeps busy.

use super::choices;

choices! {
    PromptLock,
    "Does the loop keep the state lock while an ACP prompt is in flight?",
    "openhands-sdk #3376, base" {
        Released "released" "The lock is taken for each mutation; messages can be persisted during a turn.",
        Held "held" "The loop holds the lock from before the step until after it, across the prompt.",
        HeldAndAskedFor "held_and_asked_for" "As held, and each event takes the lock for itself, on whatever thread it comes up.",
    }
    SyncPromptLock,
    "Does a synchronous run of an ACP agent keep the state lock while its prompt is in flight?",
    "openhands-sdk 1.25.0, found by turnloom: LocalConversation.run, with self._state around step" {
        Released "released" "No: it takes the lock for each mutation, as an asynchronous run does, and so does a tool update on the portal.",
        Held "held" "Yes; the portal records tool updates without it, and one that asks for it waits for ever.",
    }
    AcpStep,
    "On which thread does the step of an ACP agent run, and with it its callbacks?",
    "openhands-sdk #3358 (#3348, #3350)" {
        Native "native" "On the loop: only the prompt's round trip goes to the portal.",
        Executor "executor" "On a worker of the default executor, while the loop holds the state lock.",
    }
    LiveUpdate,
    "Does a live tool update take the state lock before it looks whether its turn is still on?",
    "openhands-sdk 1.25.0, found by turnloom: session_update of the bridge beside _cancel_inflight_tool_calls (sdk/agent/acp_agent.py)" {
        Serialized "serialized" "Yes: its card and its event change together, or not at all.",
        Unserialized "unserialized" "No: card, callback and event are three steps, and the turn's cleanup may come between them.",
    }
    RetryDelay,
    "How does an asynchronous step wait before it prompts again after an error that may pass?",
    "openhands-sdk #3358" {
        Awaited "awaited" "It suspends its task; the loop goes on.",
        Slept "slept" "It blocks the loop's thread.",
    }
    ModelSwitch,
    "Which lock does a switch of the model hold until the server has answered?",
    "openhands-sdk 1.25.0, found by turnloom: LocalConversation.switch_acp_model" {
        OwnLock "own_lock" "One of its own, so that only another switch waits; the state lock once the answer is there.",
        StateLock "state_lock" "The state lock, which a tool update of a turn in flight waits for on the thread that is to read the answer.",
    }
    SwitchTool,
    "Does the tool that switches the LLM take the state lock, which the step that waits for it holds?",
    "openhands-sdk #3485" {
        UnderStepsLock "under_steps_lock" "No: the step holds it, and whatever the tool changes is changed under it.",
        TakesLock "takes_lock" "Yes, on the worker that executes it: it waits for the step, and the step for it.",
    }
    AgentStart,
    "On which thread does an asynchronous run start the agent?",
    "openhands-sdk 1.24.0 beside 1.25.0 (LocalConversation.arun)" {
        Worker "worker" "On a worker, when the run can already be interrupted.",
        Loop "loop" "On the loop, before the run can be interrupted.",
    }
}
