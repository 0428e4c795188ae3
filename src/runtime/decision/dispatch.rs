//! On which path the service drives a run.

use super::choices;

choices! {
    Dispatch,
    "Which runs does the service drive on its loop?",
    "openhands-sdk #3404" {
        ByAgent "by_agent" "Those of an agent with a native asynchronous step; any other runs on a worker.",
        ByConversation "by_conversation" "Those of every agent, since the conversation has an asynchronous run.",
        Worker "worker" "None: every agent runs on a worker.",
    }
}
