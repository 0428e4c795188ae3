//! Hand-made observations for the tests of the rules. All in process 1 and session `s1` unless said otherwise.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Rule, judge};
use crate::observation::{
    Cause, End, Event, LockEdge, Observations, Place, RunSeen, ServerEntry, ServiceEntry, SessionInUse,
    StepSeen, Stuck, Waiting, Why,
};
use crate::scenario::{AgentKind, EventKind, Limits, Status, StopReason, ToolStatus};

pub fn acp() -> Context {
    Context {
        limits: Limits::default(),
        sends: BTreeMap::new(),
        acp: true,
        agent: AgentKind::Acp,
        suffix: false,
    }
}

pub fn native() -> Context {
    Context { acp: false, agent: AgentKind::Llm, ..acp() }
}

pub fn event(kind: EventKind, text: &str) -> Event {
    Event { kind, text: text.into(), tool: None, thread: "loop".into() }
}

pub fn user(text: &str) -> Event {
    event(EventKind::UserMessage, text)
}

pub fn finish() -> Event {
    event(EventKind::Finish, "")
}

pub fn interrupt() -> Event {
    event(EventKind::Interrupt, "")
}

pub fn agent_message(text: &str) -> Event {
    event(EventKind::AgentMessage, text)
}

pub fn system_prompt() -> Event {
    event(EventKind::SystemPrompt, "")
}

pub fn pause() -> Event {
    event(EventKind::Pause, "")
}

pub fn error(code: &str) -> Event {
    event(EventKind::Error, code)
}

/// An event of the card `t1`.
pub fn card(status: ToolStatus) -> Event {
    Event { tool: Some(status), ..event(EventKind::ToolCall, "t1") }
}

pub fn prompt_in(process: u32, session: &str, text: &str) -> ServerEntry {
    ServerEntry::Prompt { process, session: session.into(), text: text.into() }
}

pub fn prompt(text: &str) -> ServerEntry {
    prompt_in(1, "s1", text)
}

pub fn answered(text: &str, reason: StopReason) -> ServerEntry {
    ServerEntry::Answered { process: 1, session: "s1".into(), text: text.into(), reason }
}

pub fn completed(text: &str) -> ServerEntry {
    answered(text, StopReason::EndTurn)
}

pub fn failed(text: &str) -> ServerEntry {
    ServerEntry::Failed { process: 1, session: "s1".into(), text: text.into(), message: "boom".into() }
}

pub fn ended() -> ServerEntry {
    ServerEntry::Ended { process: 1 }
}

pub fn said(text: &str) -> ServerEntry {
    ServerEntry::Said { process: 1, session: "s1".into(), text: text.into() }
}

/// An update of the tool call `t1`.
pub fn tool(status: ToolStatus) -> ServerEntry {
    ServerEntry::Tool { process: 1, session: "s1".into(), id: "t1".into(), status }
}

/// An execution that came to its end with these logs, finished, with the session in use.
pub fn seen(events: Vec<Event>, server: Vec<ServerEntry>) -> Observations {
    let session = Some(SessionInUse { process: 1, session: "s1".into() });
    let end = End { status: Status::Finished, cursor: None, session };
    Observations { events, server, end, ..Observations::default() }
}

/// A thread that is not done: `"loop"`, its place with frames parted by `/`, operation, locks, who could free it.
pub fn waiting(thread: &str, place: &str, operation: &str, holds: &[&str], waits_for: &[&str]) -> Waiting {
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    Waiting {
        thread: thread.into(),
        place: place.split('/').filter(|frame| !frame.is_empty()).map(Place::from).collect(),
        operation: operation.into(),
        holds: owned(holds),
        waits_for: owned(waits_for),
        step: None,
        needs: Vec::new(),
    }
}

pub fn stuck(why: Why, threads: Vec<Waiting>) -> Observations {
    Observations { stuck: Some(Stuck { why, threads }), ..Observations::default() }
}

pub fn deadlock(threads: Vec<Waiting>) -> Observations {
    stuck(Why::Deadlock, threads)
}

/// R01: the loop holds the state lock while it awaits a prompt; bob's `send` waits for the lock, and the server for
/// a gate that bob opens afterwards.
pub fn lock_across_prompt() -> Vec<Waiting> {
    vec![
        waiting("alice", "run/astep/prompt \"first\"", "select loop", &["state", "run"], &["portal"]),
        waiting("bob", "send \"second\"", "lock state", &[], &["alice"]),
        waiting("portal", "prompt \"first\"", "read frame", &[], &["server"]),
        waiting("server", "", "wait gate", &[], &["bob"]),
    ]
}

/// R31: the loop holds the state lock while a worker runs the step, and the step's callback takes the lock.
pub fn step_in_executor() -> Vec<Waiting> {
    vec![
        waiting("alice", "run/astep/step in executor", "select loop", &["state"], &["worker-1"]),
        waiting("worker-1", "step/on_event", "lock state", &[], &["alice"]),
    ]
}

/// A run with its steps: the message of each and the status at its end. Each began when the log held one event.
pub fn run(number: u32, thread: &str, steps: &[(Option<&str>, Option<Status>)]) -> RunSeen {
    let step = |(message, ended): &(Option<&str>, Option<Status>)| StepSeen {
        after: 1,
        message: message.map(str::to_owned),
        ended: *ended,
    };
    RunSeen { number, thread: thread.into(), after: 0, steps: steps.iter().map(step).collect() }
}

/// The service is handed a message.
pub fn message(text: &str, run: bool) -> ServiceEntry {
    ServiceEntry::Message { text: text.into(), run }
}

/// The service begins a run for a message.
pub fn began_by_message() -> ServiceEntry {
    ServiceEntry::Began { by: Cause::Message }
}

pub fn edge(held: &str, then: &str, thread: &str) -> LockEdge {
    LockEdge { held: held.into(), then: then.into(), thread: thread.into() }
}

pub fn edges(edges: &[LockEdge]) -> BTreeSet<LockEdge> {
    edges.iter().cloned().collect()
}

/// Requires that the rule holds.
pub fn holds(rule: &dyn Rule, seen: &Observations) {
    assert_eq!(rule.judge(seen, &acp()), []);
}

/// Requires that the rule breaks once, and returns what the violation says.
pub fn breaks(rule: &dyn Rule, seen: &Observations) -> String {
    let mut violations = rule.judge(seen, &acp());
    assert_eq!(violations.len(), 1, "{violations:#?}");
    assert_eq!(violations[0].rule, rule.name());
    assert!(!violations[0].marks.is_empty(), "a violation points at something");
    violations.remove(0).message
}

/// The names of the rules that break in an ACP scenario, each once.
pub fn broken(seen: &Observations) -> BTreeSet<&'static str> {
    judge(seen, &acp()).into_iter().map(|violation| violation.rule).collect()
}
