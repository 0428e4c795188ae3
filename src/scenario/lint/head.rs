//! Checks what stands outside of the steps: title, source, the actors' names, what is observed, the plan for loom.

use super::{Desk, repeated};
use crate::scenario::nearest::{list, quoted};
use crate::scenario::{AgentKind, Diagnostic, Step, Through};
use crate::terms::ThreadRole;

pub(super) fn lint(desk: &mut Desk<'_>) {
    words(desk);
    actors(desk);
    actor_names(desk);
    lists(desk);
    misplaced(desk);
}

/// What the agent or the interface of this scenario does not have.
fn misplaced(desk: &mut Desk<'_>) {
    let scenario = desk.scenario;
    if !scenario.subscriber.is_empty() && scenario.through == Through::Conversation {
        desk.add(|spans| {
            Diagnostic::error("no-subscriber", "only the service has a subscriber")
                .at(spans.key("/subscriber"), "nobody is told")
                .help("add \"through\": \"service\" to the scenario")
        });
    }
    for (i, actor) in scenario.actors.iter().enumerate() {
        let step = actor.does.iter().position(|step| *step == Step::RunSync);
        if let (Some(j), Through::Service) = (step, scenario.through) {
            desk.add(|spans| {
                Diagnostic::error("no-synchronous-run", "the service has no synchronous run")
                    .at(spans.value(&format!("/actors/{i}/does/{j}")), "only a conversation has one")
                    .help("write \"run\"")
            });
        }
    }
    reloads(desk);
    if scenario.agent.condenser && scenario.agent.kind != AgentKind::Llm {
        desk.add(|spans| {
            Diagnostic::error("no-condenser", "only an agent of kind `llm` has a condenser")
                .at(spans.key("/agent/condenser"), "this agent has none")
                .help("leave it out, or write \"kind\": \"llm\"")
        });
    }
    if scenario.agent.confirmation && scenario.agent.kind == AgentKind::Acp {
        desk.add(|spans| {
            Diagnostic::error("no-confirmation", "an ACP agent has no confirmation mode: its server asks for permissions")
                .at(spans.key("/agent/confirmation"), "this agent has none")
                .help("leave it out and \"call\" the client with the method \"session/request_permission\", or write \"kind\": \"llm\"")
        });
    }
}

/// A process that ends takes along whoever is at the conversation, so that only who has it reloaded may be.
fn reloads(desk: &mut Desk<'_>) {
    let scenario = desk.scenario;
    let steps = scenario.actors.iter().enumerate().flat_map(|(i, actor)| {
        actor.does.iter().enumerate().map(move |(j, step)| (i, format!("/actors/{i}/does/{j}"), step))
    });
    let Some((by, reload, _)) = steps.clone().find(|(_, _, step)| **step == Step::Reload) else { return };
    if scenario.through == Through::Service && scenario.agent.kind == AgentKind::Sync {
        desk.add(|spans| {
            Diagnostic::error(
                "reload-beside-run",
                "a run of an agent of kind `sync` goes on when its service is closed",
            )
            .at(spans.value(&reload), "the run may still be on")
            .help("leave out \"through\": \"service\", or let the agent be of kind `llm`")
        });
    }
    let acts = |step: &Step| !matches!(step, Step::Open(_) | Step::Wait(_));
    for (_, pointer, _) in steps.filter(|(i, _, step)| *i != by && acts(step)) {
        desk.add(|spans| {
            Diagnostic::error(
                "reload-beside-others",
                "only one actor acts where the conversation is reloaded",
            )
            .at(spans.value(&pointer), "another one acts")
            .at(spans.value(&reload), "reloaded here")
            .help("let the same actor do it; others may open gates and wait")
        });
    }
}

fn words(desk: &mut Desk<'_>) {
    let scenario = desk.scenario;
    let title = (&scenario.title, "/title", "the title is empty", "say in one line what must hold");
    let source = (
        &scenario.source,
        "/source",
        "the source is empty",
        "name the issue, review or report it comes from",
    );
    for (text, pointer, message, help) in [title, source] {
        if text.trim().is_empty() {
            desk.add(|spans| {
                Diagnostic::error("empty-text", message).at(spans.value(pointer), "nothing here").help(help)
            });
        }
    }
}

fn actors(desk: &mut Desk<'_>) {
    if desk.scenario.actors.is_empty() {
        desk.add(|spans| {
            Diagnostic::error("no-actors", "no actors: nobody does anything")
                .at(spans.value("/actors"), "expected at least one actor")
                .help("write {\"name\": \"ann\", \"does\": [{\"send\": {\"text\": \"hi\"}}, \"run\"]}")
        });
    }
    for (i, actor) in desk.scenario.actors.iter().enumerate() {
        if actor.does.is_empty() {
            desk.add(|spans| {
                Diagnostic::error("idle-actor", format!("actor {} does nothing", quoted(&actor.name)))
                    .at(spans.value(&format!("/actors/{i}/does")), "an empty list")
                    .help("give it a step, or leave the actor out")
            });
        }
    }
}

fn actor_names(desk: &mut Desk<'_>) {
    let actors = &desk.scenario.actors;
    for (i, actor) in actors.iter().enumerate() {
        let name = actor.name.as_str();
        let pointer = format!("/actors/{i}/name");
        if ThreadRole::of(name).is_some() {
            desk.add(|spans| {
                Diagnostic::error("reserved-name", format!("an actor cannot be called {}", quoted(name)))
                    .at(spans.value(&pointer), "the name of a role of the harness")
                    .help(format!(
                        "any name but {}, and `worker` with a number",
                        list(ThreadRole::ALL.map(ThreadRole::name))
                    ))
            });
        } else if !well_formed(name) {
            desk.add(|spans| {
                Diagnostic::error("bad-name", format!("{} is no name of an actor", quoted(name)))
                    .at(spans.value(&pointer), "expected a name such as `ann` or `client-2`")
                    .help("a lowercase letter, then lowercase letters, digits, `-` and `_`")
            });
        }
    }
    for (name, first, again) in repeated(actors.iter().map(|actor| &actor.name)) {
        desk.add(|spans| {
            Diagnostic::error("duplicate-actor", format!("two actors are called {}", quoted(name)))
                .at(spans.value(&format!("/actors/{again}/name")), "again")
                .at(spans.value(&format!("/actors/{first}/name")), "first")
                .help("schedules tell actors apart by their names")
        });
    }
}

/// Whether a name is `[a-z][a-z0-9_-]*`.
fn well_formed(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

fn lists(desk: &mut Desk<'_>) {
    let scenario = desk.scenario;
    if scenario.observe.is_empty() {
        desk.add(|spans| {
            Diagnostic::error("nothing-observed", "nothing is observed: every outcome would be the same")
                .at(spans.value("/observe"), "an empty list")
                .help("leave `observe` out to observe everything")
        });
    }
    let observe = repeated(&scenario.observe).into_iter().map(|(_, first, again)| ("/observe", first, again));
    let inline = repeated(&scenario.loom.inline).into_iter();
    let inline = inline.map(|(_, first, again)| ("/loom/inline", first, again));
    for (pointer, first, again) in observe.chain(inline) {
        desk.add(|spans| {
            Diagnostic::error("duplicate-item", "the same item twice in one list")
                .at(spans.value(&format!("{pointer}/{again}")), "again")
                .at(spans.value(&format!("{pointer}/{first}")), "first")
                .help("keep one of them")
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_actors() {
        for name in ["a", "ann", "client-2", "x_y"] {
            assert!(well_formed(name), "{name}");
        }
        for name in ["", "Ann", "2ann", "-a", "änn", "a b"] {
            assert!(!well_formed(name), "{name}");
        }
    }
}
