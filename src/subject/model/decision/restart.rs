//! What becomes of a session that cannot be trusted, and of the one that follows it.

use super::choices;

choices! {
    UndrainedSession,
    "What happens to a session whose cancelled prompt did not return within the drain limit?",
    "openhands-sdk #3376, review round 3" {
        RestartNextTurn "restart_next_turn" "It is not used again: the server is restarted before the next prompt.",
        Reuse "reuse" "The next turn prompts it.",
        RestartInHandler "restart_in_handler" "The handler of the interrupt or time-out restarts the server, on the loop, before its run ends.",
        RestartAfterTimeout "restart_after_timeout" "After a time-out its handler restarts the server, on the loop; after an interrupt the restart waits for the next turn.",
        RestartUnderLock "restart_under_lock" "After a time-out its handler restarts the server while it holds the state lock.",
    }
    ServerDeath,
    "When does a turn learn that the process of its server has ended?",
    "openhands-sdk 1.25.0, found by turnloom" {
        Noticed "noticed" "At once: what waits for an answer fails, and the server is started again before the next prompt.",
        Unnoticed "unnoticed" "When its prompt times out; and once a write has failed, the restart waits for that prompt for ever.",
    }
    FailedStart,
    "Whom does the agent tell that its server did not start, beside the caller who wanted to run it?",
    "openhands-sdk 1.24.0 beside 1.25.0 (ACPAgent.init_state)" {
        Told "told" "Everybody: the status is `error`, and an event says so.",
        Untold "untold" "Nobody.",
    }
    RestartSession,
    "Which session does a restarted server get?",
    "openhands-sdk #3376, c3749ff" {
        Loaded "loaded" "The one before, with session/load; a new one only if that fails.",
        New "new" "A new one: the restart forgets the id of the one before.",
    }
    SwitchedSession,
    "What does the agent that a switch of the model puts in place know of what a turn in flight makes of the session?",
    "openhands-sdk 1.25.0, found by turnloom: LocalConversation.switch_acp_model, old_agent.model_copy" {
        Shared "shared" "All of it: both agents have one session, with its process and the mark that it has to be restarted.",
        Copied "copied" "Nothing: it has a copy of the attributes as they were, and the turn notes its restart in the other one.",
    }
    SwitchedModel,
    "When does a switch of the model note the new one, which a restart gives to the session that it loads?",
    "openhands-sdk 1.25.0, found by turnloom: LocalConversation.switch_acp_model, model_copy(update=acp_model)" {
        NotedBefore "noted_before" "Before it asks the server; if the server refuses, it takes the note back.",
        NotedAfter "noted_after" "When the server has answered: a restart in between knows nothing of it.",
    }
    SwitchedSuffix,
    "Does the agent that a switch of the model puts in place learn that the first prompt has brought the system suffix?",
    "openhands-sdk 1.25.0, found by turnloom: LocalConversation.switch_acp_model, _suffix_install_state" {
        Shared "shared" "Yes: both agents have one mark.",
        Copied "copied" "No: its copy of the mark says that the suffix is still to be sent.",
    }
    SuffixMarker,
    "What does the marker `system suffix installed` belong to?",
    "openhands-sdk #3376, review round 4" {
        Session "session" "The session: a fresh one has no suffix yet.",
        Conversation "conversation" "The conversation: it survives a restart that gets a fresh session.",
    }
    SessionRecord,
    "How does a started session write itself into the agent's state, which workers write under the state lock?",
    "found by turnloom in openhands-sdk 1.25.0: ACPAgent.init_state, state.agent_state = new_agent_state" {
        UnderLock "under_lock" "Under the state lock.",
        Unlocked "unlocked" "Without it: what a worker writes between its read and its write is lost.",
    }
    InterruptedStart,
    "What does a run leave in the log that is interrupted while it starts the agent?",
    "found by turnloom in openhands-sdk 1.25.0 and 1.58.2: LocalConversation.arun, await asyncio.to_thread(self._ensure_agent_ready) before its try" {
        Recorded "recorded" "What any interrupted run leaves, an interrupt and the status `paused`, once the start has ended; a second interrupt ends the server that starts.",
        Untold "untold" "Nothing: the run is gone, and the status is what it was.",
    }
    TurnRestart,
    "Where does a turn restart the server that the turn before gave up?",
    "found by turnloom in openhands-sdk 1.25.0: ACPAgent.astep, self._restart_session_after_drain_timeout" {
        Worker "worker" "On a worker. A turn that is interrupted meanwhile ends when the restart has ended; a second interrupt ends the server that starts.",
        Loop "loop" "On the event loop, which stands until the server has answered.",
    }
}
