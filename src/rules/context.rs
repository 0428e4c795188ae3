//! What a rule may know of the scenario beside the observations.

use std::collections::BTreeMap;

use crate::scenario::{Scenario, Step};
use crate::terms::{AgentKind, Limits};

/// The facts of a scenario that the rules ask for.
#[derive(Debug, Clone)]
pub struct Context {
    /// The limits of the runtime.
    pub limits: Limits,
    /// The texts of the user messages of each actor, in the actor's order.
    pub sends: BTreeMap<String, Vec<String>>,
    /// Whether the agent talks ACP.
    pub acp: bool,
    /// Whether the agent has a system suffix.
    pub suffix: bool,
    /// What kind of agent it is.
    pub agent: AgentKind,
}

impl Context {
    /// What the rules may know of this scenario.
    #[must_use]
    pub fn of(scenario: &Scenario) -> Self {
        let sends = scenario.actors.iter().map(|actor| {
            let texts = actor.does.iter().filter_map(|step| match step {
                Step::Send(send) => Some(send.text.clone()),
                _ => None,
            });
            (actor.name.clone(), texts.collect())
        });
        Self {
            limits: scenario.limits.clone(),
            sends: sends.collect(),
            acp: scenario.agent.kind == AgentKind::Acp,
            suffix: scenario.agent.suffix,
            agent: scenario.agent.kind,
        }
    }
}
