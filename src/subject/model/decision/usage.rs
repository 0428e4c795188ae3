//! Under which names the usage of LLMs is counted.

use super::choices;

choices! {
    CondenserUsage,
    "Under which usage id does the LLM of a condenser register?",
    "openhands-sdk #3368, checked by the QA of #3376" {
        Own "own" "Under one of its own, `condenser`.",
        Agents "agents" "Under that of the agent's LLM, `default`: the two are counted together.",
    }
}
