//! The server of a draft: what it does on each message, on a cancel, at a start and so on.

use serde_json::json;
use turnloom::scenario::{
    Action, CallClient, Cut, EventKind, EventSeen, FrameSeen, Happening, Message, Method, Raw, Reaction,
    Refusal, ReplySeen, Scenario, Status, Step, StopReason, ToolCall, ToolStatus, ToolUpdate, Trigger,
};

use super::draft::{Draft, text};
use super::table::{Act, Deed};

/// Draws the reactions of the server.
pub fn choose(draft: &mut Draft) {
    let prompts = (0..draft.sends).filter_map(|place| on_prompt(draft, place)).collect::<Vec<_>>();
    draft.scenario.server = prompts;
    let others = [on_cancel, on_load, on_start, on_set_model];
    for other in others {
        let reaction = other(draft);
        draft.scenario.server.extend(reaction);
    }
    on_tool_results(draft);
    on_what_is_only_live(draft);
}

/// The gates that the server opens.
pub fn opened(scenario: &Scenario) -> impl Iterator<Item = String> {
    actions(scenario).filter_map(|action| match action {
        Action::Open(gate) => Some(gate.clone()),
        _ => None,
    })
}

/// The gates that the server waits for.
pub fn awaited(scenario: &Scenario) -> impl Iterator<Item = String> {
    actions(scenario).filter_map(|action| match action {
        Action::Wait(Happening::Gate(gate)) => Some(gate.clone()),
        _ => None,
    })
}

fn actions(scenario: &Scenario) -> impl Iterator<Item = &Action> {
    scenario.server.iter().flat_map(|reaction| &reaction.actions)
}

/// Whether the server waits for the gate while it starts.
pub fn is_of_start(scenario: &Scenario, gate: &str) -> bool {
    let waits = |action: &Action| matches!(action, Action::Wait(Happening::Gate(one)) if one == gate);
    let starts = |reaction: &&Reaction| matches!(reaction.on, Trigger::Request(_) | Trigger::Load);
    scenario.server.iter().filter(starts).any(|reaction| reaction.actions.iter().any(waits))
}

fn reaction(on: Trigger, actions: Vec<Action>) -> Reaction {
    Reaction { on, session: None, process: None, breaks: Vec::new(), actions }
}

/// What the server does on a message; the act of the cell is in the reaction to the first.
fn on_prompt(draft: &mut Draft, place: usize) -> Option<Reaction> {
    let (is_first, has_act) = (place == 0, place == draft.second);
    let is_needed = !is_elsewhere(draft.cell.act) || is_waited_for(draft) || draft.hangs() || asks(draft);
    let is_wanted = if is_first { is_needed } else { has_act };
    if !is_wanted && !draft.chance(60) {
        return None;
    }
    let mut actions = Vec::new();
    if is_first {
        begin(draft, &mut actions);
    }
    let most = draft.most_acts();
    let more = if draft.has_extras { draft.rng.usize(0..=most) } else { 0 };
    for _ in 0..more {
        let act = any_act(draft);
        add(draft, act, place, &mut actions);
    }
    if has_act {
        let act = draft.cell.act;
        let at = draft.rng.usize(0..=actions.len());
        let rest = actions.split_off(at);
        add(draft, act, place, &mut actions);
        actions.extend(rest);
    }
    end(draft, place, &mut actions);
    let fails = actions.iter().any(|action| matches!(action, Action::Fail(_) | Action::Exit(_)));
    if fails && draft.scenario.limits.retries > 0 {
        // The second attempt would go on with cards that the first one has closed.
        actions.retain(|action| !matches!(action, Action::Tool(_)));
    }
    let mut on = reaction(Trigger::Prompt(text(place)), closed_once(actions));
    let is_any =
        is_first && draft.cell.act == Act::OnAnyPrompt || draft.sends == place + 1 && draft.chance(20);
    if is_any && !(is_first && draft.cell.act == Act::OnPrompt) {
        on.on = Trigger::AnyPrompt;
    }
    if is_first && (draft.cell.act == Act::OfSession || draft.side().is_acp() && draft.chance(10)) {
        on.session = Some("s1".to_owned());
    }
    if is_first && (draft.cell.act == Act::OfProcess || draft.hangs() || draft.chance(10)) {
        on.process = Some(1);
    }
    Some(on)
}

/// Whether the act is no part of a reaction to a prompt.
fn is_elsewhere(act: Act) -> bool {
    matches!(
        act,
        Act::OnCancel | Act::OnInitialize | Act::OnNew | Act::OnSetModel | Act::OnConversation | Act::OnStart
    )
}

/// Whether an actor waits for the first prompt to be reacted to.
fn is_waited_for(draft: &Draft) -> bool {
    matches!(draft.cell.deed, Deed::WaitForGate | Deed::WaitForStatus | Deed::WaitForReply | Deed::FireRetry)
}

/// Whether the LLM has to call a tool.
fn asks(draft: &Draft) -> bool {
    draft.is_for(&[Deed::Accept, Deed::Reject], &[Act::OnToolResult])
}

/// What the first prompt begins with: a gate that others wait for, a tool call.
fn begin(draft: &mut Draft, actions: &mut Vec<Action>) {
    if let Some(go) = draft.go.clone() {
        actions.push(Action::Wait(Happening::Gate(go)));
    }
    if draft.cell.deed == Deed::WaitForGate || draft.cell.act == Act::Open {
        let gate = draft.scenario.gates.first().filter(|gate| Some(*gate) != draft.go.as_ref()).cloned();
        let gate = gate.unwrap_or_else(|| draft.new_gate());
        actions.push(Action::Open(gate));
    }
    if draft.cell.deed == Deed::WaitForReply {
        add(draft, Act::AskPermission, 0, actions);
    }
    if asks(draft) {
        add(draft, Act::ToolCall, 0, actions);
    }
}

/// An act that goes with whatever is before and behind it.
fn any_act(draft: &mut Draft) -> Act {
    let of_acp = [
        Act::Say,
        Act::Say,
        Act::Think,
        Act::CardPending,
        Act::CardInProgress,
        Act::CardInProgress,
        Act::CardCompleted,
        Act::CardCompleted,
        Act::CardFailed,
        Act::WaitForGate,
        Act::WaitForGate,
        Act::WaitForEvent,
        Act::AskPermission,
        Act::WaitForReply,
        Act::StopReading,
        Act::Flush,
        Act::Split,
    ];
    let of_llm =
        [Act::Say, Act::Think, Act::WaitForGate, Act::WaitForEvent, Act::Flush, Act::ToolCall, Act::ToolCall];
    let acts: &[Act] = if draft.side().is_acp() { &of_acp } else { &of_llm };
    acts[draft.rng.usize(0..acts.len())]
}

/// Adds the act, and what has to come before it or behind it.
fn add(draft: &mut Draft, act: Act, place: usize, actions: &mut Vec<Action>) {
    let action = match act {
        Act::Say => Action::Say(format!("w{}", draft.rng.usize(0..3))),
        Act::Think => {
            actions.push(Action::Think("hm".to_owned()));
            Action::Say("so".to_owned())
        }
        Act::CardPending => card(draft, ToolStatus::Pending),
        Act::CardInProgress => card(draft, ToolStatus::InProgress),
        Act::CardCompleted => card(draft, ToolStatus::Completed),
        Act::CardFailed => card(draft, ToolStatus::Failed),
        Act::WaitForGate => Action::Wait(Happening::Gate(draft.new_gate())),
        Act::WaitForFrame => Action::Wait(Happening::Frame(FrameSeen {
            method: Method::Prompt,
            text: Some(text(place)),
            count: 1,
        })),
        Act::WaitForStatus => Action::Wait(Happening::Status(Status::Running)),
        Act::WaitForEvent => {
            let count = if draft.is_sure_to_send() && place == 0 { 2 } else { 1 };
            Action::Wait(Happening::Event(EventSeen { kind: EventKind::UserMessage, text: None, count }))
        }
        Act::AskPermission => Action::Call(permission(draft)),
        Act::WaitForReply => {
            let call = permission(draft);
            let to = call.name.clone();
            actions.push(Action::Call(call));
            Action::Wait(Happening::Reply(ReplySeen { to, with: None }))
        }
        Act::OtherCall => {
            let params = message(&json!({"sessionId": "$session", "path": "/a"}));
            Action::Call(CallClient {
                name: "read".to_owned(),
                method: "fs/read_text_file".to_owned(),
                params,
            })
        }
        Act::StopReading | Act::ResumeReading => {
            actions.push(Action::StopReading);
            // The timers of an ACP agent end what is never read; a completion has none.
            let is_timed = draft.racing && draft.side().is_acp();
            if is_timed && act == Act::StopReading && draft.chance(50) {
                return;
            }
            if draft.chance(70) {
                let gate = draft.new_gate();
                actions.push(Action::Wait(Happening::Gate(gate)));
            }
            Action::ResumeReading
        }
        Act::Flush => Action::Flush,
        Act::Split => {
            actions.push(Action::Split(Cut { at: 3 }));
            Action::Say("cut".to_owned())
        }
        Act::ToolCall => {
            draft.numbers[3] += 1;
            let id = format!("c{}", draft.numbers[3]);
            let name = if draft.chance(10) { "switch_llm" } else { "look" };
            Action::ToolCall(ToolCall { id, name: Some(name.to_owned()), arguments: "{}".to_owned() })
        }
        Act::Frame => Action::Frame(message(&json!({"jsonrpc": "2.0", "method": "_x", "params": {}}))),
        Act::Raw => Action::Raw(Raw::Text("x\n".to_owned())),
        Act::CloseOutput => Action::CloseOutput,
        _ => return,
    };
    actions.push(action);
}

fn card(draft: &mut Draft, status: ToolStatus) -> Action {
    let id = format!("t{}", draft.rng.usize(1..3));
    Action::Tool(ToolUpdate { id, status })
}

fn permission(draft: &mut Draft) -> CallClient {
    draft.numbers[1] += 1;
    let params = json!({
        "sessionId": "$session", "toolCall": {"toolCallId": "t1"},
        "options": [{"optionId": "yes", "name": "Allow", "kind": "allow_once"}],
    });
    let name = format!("may I {}", draft.numbers[1]);
    CallClient { name, method: "session/request_permission".to_owned(), params: message(&params) }
}

fn message(value: &serde_json::Value) -> Message {
    Message(value.as_object().cloned().unwrap_or_default())
}

/// How a reaction to a prompt ends, and what comes behind.
fn end(draft: &mut Draft, place: usize, actions: &mut Vec<Action>) {
    let is_first = place == 0;
    let is_acp = draft.side().is_acp();
    let cancelled =
        Action::Wait(Happening::Frame(FrameSeen { method: Method::Cancel, text: None, count: 1 }));
    if is_first && draft.hangs() {
        if draft.cell.deed == Deed::FireCancelSend {
            actions.retain(|action| !matches!(action, Action::StopReading | Action::ResumeReading));
            actions.push(Action::StopReading);
        }
        return;
    }
    if is_first && draft.cell.deed == Deed::FireRetry {
        actions.push(Action::Fail("overloaded".to_owned()));
        return;
    }
    let (holds, hangs) = (draft.chance(40), draft.chance(15));
    let has_act = place == draft.second;
    let end = match draft.cell.act {
        Act::EndTurn if has_act => Action::Answer(StopReason::EndTurn),
        Act::Refusal if has_act => Action::Answer(StopReason::Refusal),
        Act::MaxTokens if has_act => Action::Answer(StopReason::MaxTokens),
        Act::Fail if has_act => Action::Fail("boom".to_owned()),
        Act::Exit if has_act => Action::Exit(1),
        Act::OnLoad if has_act => Action::Exit(1),
        Act::Refuse if has_act => Action::Refuse(Refusal { status: 500, retry_after: None, body: None }),
        Act::HangUp if has_act => Action::HangUp,
        Act::Reset if has_act => Action::Reset,
        Act::Late if has_act => Action::Answer(StopReason::EndTurn),
        _ if is_acp && is_first && draft.is_sure_to_cancel() && holds => {
            actions.push(cancelled);
            Action::Answer(StopReason::Cancelled)
        }
        _ if draft.racing && is_acp && hangs => return,
        _ => any_end(draft),
    };
    let goes_on = is_acp && matches!(end, Action::Answer(_) | Action::Fail(_));
    actions.push(end);
    if has_act && draft.cell.act == Act::Late || goes_on && draft.chance(20) {
        late(draft, place, actions);
    }
}

fn any_end(draft: &mut Draft) -> Action {
    let is_acp = draft.side().is_acp();
    match draft.rng.usize(0..if draft.has_extras { 14 } else { 1 }) {
        10 => Action::Answer(StopReason::Refusal),
        11 => Action::Answer(StopReason::MaxTokens),
        12 => Action::Fail("boom".to_owned()),
        13 if is_acp => Action::Exit(1),
        _ => Action::Answer(StopReason::EndTurn),
    }
}

/// What the server does behind its answer. A card there is one of its own: nobody could tell it from one of the next turn.
fn late(draft: &mut Draft, place: usize, actions: &mut Vec<Action>) {
    for _ in 0..=usize::from(draft.chance(50)) {
        match draft.rng.usize(0..4) {
            0 => add(draft, Act::WaitForGate, place, actions),
            1 => add(draft, Act::AskPermission, place, actions),
            2 => {
                let statuses = [ToolStatus::InProgress, ToolStatus::Completed];
                let status = statuses[draft.rng.usize(0..2)];
                actions.push(Action::Tool(ToolUpdate { id: format!("t{}", 4 + place), status }));
            }
            _ => {}
        }
    }
    actions.push(Action::Say("late".to_owned()));
}

/// Without what goes on with a card that it has closed: a server that does is wrong itself.
fn closed_once(actions: Vec<Action>) -> Vec<Action> {
    let mut closed = Vec::new();
    let keeps = |action: &Action| match action {
        Action::Tool(card) if closed.contains(&card.id) => false,
        Action::Tool(card) => {
            if card.status.is_terminal() {
                closed.push(card.id.clone());
            }
            true
        }
        _ => true,
    };
    actions.into_iter().filter(keeps).collect()
}

fn on_cancel(draft: &mut Draft) -> Option<Reaction> {
    let is_it = draft.is_for(&[], &[Act::OnCancel, Act::Cancelled]);
    let cancels = draft.actors.iter().flatten().any(|step| match step {
        Step::Interrupt | Step::Close | Step::Reload => true,
        Step::Send(send) => send.run,
        _ => false,
    });
    let answers = draft.cell.deed == Deed::FirePrompt;
    if !(is_it || answers || draft.side().is_acp() && cancels && draft.chance(55)) {
        return None;
    }
    let mut actions = Vec::new();
    for _ in 0..if draft.has_extras { draft.rng.usize(0..3) } else { 0 } {
        match draft.rng.usize(0..4) {
            0 => actions.push(Action::Say("stop".to_owned())),
            1 => add(draft, Act::WaitForGate, 0, &mut actions),
            2 => add(draft, Act::AskPermission, 0, &mut actions),
            _ => {
                let status = [ToolStatus::InProgress, ToolStatus::Completed][draft.rng.usize(0..2)];
                actions.push(Action::Tool(ToolUpdate { id: "t3".to_owned(), status }));
            }
        }
    }
    let end = match draft.rng.usize(0..if draft.has_extras { 10 } else { 1 }) {
        6..8 if draft.cell.act != Act::Cancelled => Action::Answer(StopReason::EndTurn),
        8 if draft.cell.act != Act::Cancelled => Action::Fail("boom".to_owned()),
        9 if draft.cell.act != Act::Cancelled => Action::Exit(1),
        _ => Action::Answer(StopReason::Cancelled),
    };
    actions.push(end);
    Some(reaction(Trigger::Cancel, closed_once(actions)))
}

fn on_load(draft: &mut Draft) -> Option<Reaction> {
    let is_it = draft.cell.act == Act::OnLoad;
    let loads = draft
        .actors
        .iter()
        .flatten()
        .any(|step| matches!(step, Step::Interrupt | Step::Close | Step::Reload));
    if !(is_it || draft.side().is_acp() && loads && draft.chance(20)) {
        return None;
    }
    let mut actions = Vec::new();
    if draft.chance(40) {
        actions.push(Action::Say("history".to_owned()));
    }
    if draft.chance(40) {
        add(draft, Act::WaitForGate, 0, &mut actions);
    }
    match draft.rng.usize(0..4) {
        0 => actions.push(Action::Fail("no such session".to_owned())),
        1 if draft.has_extras => actions.push(Action::Exit(1)),
        _ if actions.is_empty() => actions.push(Action::Flush),
        _ => {}
    }
    Some(reaction(Trigger::Load, actions))
}

fn on_start(draft: &mut Draft) -> Option<Reaction> {
    let act = draft.cell.act;
    let method = match act {
        Act::OnNew => "session/new",
        _ => "initialize",
    };
    if !matches!(act, Act::OnInitialize | Act::OnNew) {
        return None;
    }
    let mut actions = Vec::new();
    if draft.chance(60) {
        add(draft, Act::WaitForGate, 0, &mut actions);
    }
    match draft.rng.usize(0..4) {
        0 => actions.push(Action::Fail("not today".to_owned())),
        1 if draft.has_extras => actions.push(Action::Exit(1)),
        _ if actions.is_empty() => actions.push(Action::Flush),
        _ => {}
    }
    Some(reaction(Trigger::Request(method.to_owned()), actions))
}

fn on_set_model(draft: &mut Draft) -> Option<Reaction> {
    let is_it = draft.cell.act == Act::OnSetModel;
    let switches = draft.actors.iter().flatten().filter(|step| matches!(step, Step::SwitchModel(_))).count();
    if !(is_it || switches > 0 && draft.chance(30)) {
        return None;
    }
    let mut actions = Vec::new();
    if draft.chance(50) {
        add(draft, Act::WaitForGate, 0, &mut actions);
    }
    // A card of its own: the end of a prompt closes all, and a second request would find it closed.
    if switches == 1 && draft.scenario.limits.retries == 0 && draft.chance(40) {
        actions.push(Action::Tool(ToolUpdate { id: "t9".to_owned(), status: ToolStatus::InProgress }));
    }
    match draft.rng.usize(0..4) {
        0 => actions.push(Action::Fail("no such model".to_owned())),
        1 if draft.has_extras => actions.push(Action::Exit(1)),
        _ if actions.is_empty() => actions.push(Action::Flush),
        _ => {}
    }
    Some(reaction(Trigger::Request("session/set_model".to_owned()), actions))
}

/// What the LLM makes of the result of a tool, for each that it calls.
fn on_tool_results(draft: &mut Draft) {
    let is_it = draft.cell.act == Act::OnToolResult;
    // What is for any prompt is for the result of a tool as well, and would call it for ever.
    let is_any = draft.scenario.server.iter().any(|reaction| reaction.on == Trigger::AnyPrompt);
    let mut call = 0;
    while call < draft.numbers[3] {
        call += 1;
        if !(is_it && call == 1 || is_any || draft.chance(40)) {
            continue;
        }
        let mut actions = Vec::new();
        if draft.chance(30) {
            add(draft, Act::WaitForGate, 0, &mut actions);
        }
        if draft.chance(30) {
            add(draft, Act::ToolCall, 0, &mut actions);
        }
        let end = any_end(draft);
        actions.push(end);
        draft.scenario.server.push(reaction(Trigger::ToolResult(format!("c{call}")), actions));
    }
    if is_it && draft.numbers[3] == 0 {
        let actions = vec![Action::Answer(StopReason::EndTurn)];
        draft.scenario.server.push(reaction(Trigger::ToolResult("c1".to_owned()), actions));
    }
}

/// What the linter refuses on every side: it is drawn to hear why.
fn on_what_is_only_live(draft: &mut Draft) {
    let on = match draft.cell.act {
        Act::OnStart => Trigger::Start,
        Act::OnConversation => Trigger::Conversation("m1".to_owned()),
        _ => return,
    };
    draft.scenario.server.push(reaction(on, vec![Action::Flush]));
}
