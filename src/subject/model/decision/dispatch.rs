//! On which path the service drives a run, and on whose workers a run has something done.

use super::choices;

choices! {
    Dispatch,
    "Which runs does the service drive on its loop?",
    "openhands-sdk #3404" {
        ByAgent "by_agent" "Those of an agent with a native asynchronous step; any other runs on a worker.",
        ByConversation "by_conversation" "Those of every agent, since the conversation has an asynchronous run.",
        Worker "worker" "None: every agent runs on a worker.",
    }
    ToolPool,
    "Whose worker executes a tool call of an asynchronous step, during which the loop holds the state lock?",
    "found by turnloom in openhands-sdk 1.25.0: ParallelToolExecutor.aexecute_batch" {
        Own "own" "One of a pool of its own.",
        Shared "shared" "One of the loop's default executor, whose workers may all be waiting for the state lock.",
    }
}
