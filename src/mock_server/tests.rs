//! The scripted server held against its description, one behaviour a test.

use super::ServerEntry;
use super::{Choice, ClientMessage, Script, ServerMessage, Update};
use crate::scenario::{
    Action, FrameSeen, Happening, Method, Reaction, Status, StopReason, ToolStatus, ToolUpdate, Trigger,
};

fn server(reactions: &[(Trigger, &[Action])]) -> Script {
    let reactions: Vec<_> = reactions
        .iter()
        .map(|(on, actions)| Reaction {
            on: on.clone(),
            session: None,
            process: None,
            breaks: Vec::new(),
            actions: actions.to_vec(),
        })
        .collect();
    let mut script = Script::new(&reactions, &["go".to_owned()]);
    script.receive(ClientMessage::Started);
    script
}

fn prompt(text: &str) -> ClientMessage {
    ClientMessage::Prompt { request: 7, session: "s1".into(), text: text.into(), suffix: false }
}

fn on(text: &str) -> Trigger {
    Trigger::Prompt(text.into())
}

fn say(text: &str) -> Action {
    Action::Say(text.into())
}

fn gate() -> Action {
    Action::Wait(Happening::Gate("go".into()))
}

fn answered(request: u64, ok: Result<&str, &str>) -> ServerMessage {
    ServerMessage::Answered { request, ok: ok.map(str::to_owned).map_err(str::to_owned) }
}

fn cancel() -> ClientMessage {
    ClientMessage::Cancel { session: "s1".into() }
}

const END: Action = Action::Answer(StopReason::EndTurn);

fn never(_: &Happening) -> bool {
    false
}

/// Takes the default steps until none is left, and returns their labels.
fn run(script: &mut Script) -> Vec<String> {
    std::iter::from_fn(|| script.step(&never)).map(|step| step.label).collect()
}

#[test]
fn a_message_does_nothing_before_it_is_read() {
    let mut script = server(&[]);
    script.receive(prompt("first"));
    assert_eq!(script.log(), [ServerEntry::Started { process: 1 }]);
    assert_eq!(run(&mut script), ["read session/prompt \"first\"", "answer end_turn"]);
}

#[test]
fn a_new_process_is_set_up_and_finds_the_old_session() {
    let mut script = server(&[]);
    script.receive(ClientMessage::Initialize { request: 0 });
    script.receive(ClientMessage::NewSession { request: 1 });
    assert_eq!(script.step(&never).unwrap().frames, [answered(0, Ok(""))]);
    assert_eq!(script.step(&never).unwrap().frames, [answered(1, Ok("s1"))]);
    script.receive(ClientMessage::Ended);
    script.receive(ClientMessage::Started);
    script.receive(ClientMessage::LoadSession { request: 2, session: "s1".into() });
    script.receive(ClientMessage::LoadSession { request: 3, session: "s2".into() });
    assert_eq!(script.step(&never).unwrap().frames, [answered(2, Ok("s1"))]);
    assert_eq!(script.step(&never).unwrap().frames, [answered(3, Err("unknown session \"s2\""))]);
    let load = |session: &str, loaded| ServerEntry::Load { process: 2, session: session.into(), loaded };
    assert_eq!(script.log()[5..], [load("s1", true), load("s2", false)]);
}

#[test]
fn a_burst_ends_at_a_wait_and_goes_on_when_it_is_fulfilled() {
    let mut script = server(&[(on("first"), &[say("a"), say("b"), gate(), say("c"), END])]);
    script.receive(prompt("first"));
    script.step(&never);
    let step = script.step(&never).unwrap();
    let text =
        |text: &str| ServerMessage::Update { session: "s1".into(), update: Update::Text(text.to_owned()) };
    assert_eq!((step.label.as_str(), step.frames), ("say \"a\", say \"b\"", vec![text("a"), text("b")]));
    assert!(!script.can_step(&never));
    assert_eq!(script.waits(&never), [&Happening::Gate("go".into())]);
    script.open_gate("go");
    assert_eq!(run(&mut script), ["say \"c\", answer end_turn"]);
}

#[test]
fn what_comes_behind_an_answer_is_late_and_belongs_to_no_prompt() {
    let mut script =
        server(&[(on("first"), &[END, gate(), say("late")]), (Trigger::Cancel, &[say("stopped")])]);
    script.receive(prompt("first"));
    assert_eq!(run(&mut script), ["read session/prompt \"first\"", "answer end_turn"]);
    assert!(!script.in_turn("s1"), "the prompt is over");
    script.receive(cancel());
    assert_eq!(run(&mut script), ["read session/cancel s1"], "and cannot be cancelled");
    script.open_gate("go");
    let step = script.step(&never).unwrap();
    let late = ServerMessage::Update { session: "s1".into(), update: Update::Text("late".into()) };
    assert_eq!((step.label.as_str(), step.frames), ("say \"late\"", vec![late]));
    assert!(!script.can_step(&never));
}

#[test]
fn reading_and_going_on_are_a_free_choice() {
    let mut script = server(&[(Trigger::AnyPrompt, &[say("x"), END])]);
    script.receive(prompt("first"));
    script.step(&never);
    script.receive(cancel());
    assert_eq!(script.choices(&never), [Choice::Advance(0), Choice::Read]);
    assert_eq!(script.take(Choice::Read, &never).unwrap().label, "read session/cancel s1");
    assert_eq!(script.take(Choice::Read, &never), None, "nothing is left to read");
    assert_eq!(script.take(Choice::Advance(1), &never), None, "a cancel without a reaction starts nothing");
    assert_eq!(run(&mut script), ["say \"x\", answer end_turn"]);
}

#[test]
fn the_reaction_for_a_text_goes_before_the_one_for_any() {
    let fail = [Action::Fail("no".into())];
    let mut script = server(&[(Trigger::AnyPrompt, &fail), (on("first"), &[END])]);
    script.receive(prompt("first"));
    script.receive(prompt("second"));
    let labels = run(&mut script);
    assert_eq!((labels[1].as_str(), labels[3].as_str()), ("answer end_turn", "fail \"no\""));
}

#[test]
fn a_cancel_that_answers_ends_the_prompts_own_reaction() {
    let cancelled = Action::Answer(StopReason::Cancelled);
    let mut script = server(&[
        (on("first"), &[gate(), say("late"), END]),
        (Trigger::Cancel, &[say("stopping"), cancelled]),
    ]);
    script.receive(prompt("first"));
    script.receive(cancel());
    let labels = run(&mut script);
    assert_eq!(labels[2], "say \"stopping\", answer cancelled");
    script.open_gate("go");
    assert!(!script.can_step(&never), "the prompt's own reaction is over");
}

#[test]
fn a_cancel_hits_the_oldest_prompt_that_was_not_cancelled_yet() {
    let cancelled = [Action::Answer(StopReason::Cancelled)];
    let mut script = server(&[(Trigger::AnyPrompt, &[gate(), END]), (Trigger::Cancel, &cancelled)]);
    for message in [cancel(), prompt("first"), prompt("second"), cancel()] {
        script.receive(message);
    }
    run(&mut script);
    let answered: Vec<_> = script
        .log()
        .iter()
        .filter_map(|entry| match entry {
            ServerEntry::Answered { text, reason, .. } => Some((text.as_str(), *reason)),
            _ => None,
        })
        .collect();
    assert_eq!(answered, [("first", StopReason::Cancelled)]);
}

#[test]
fn nothing_is_written_for_an_ended_process() {
    let mut script = server(&[(on("first"), &[gate(), END])]);
    script.receive(prompt("first"));
    script.step(&never);
    script.receive(prompt("second"));
    script.receive(ClientMessage::Ended);
    script.receive(prompt("third"));
    script.open_gate("go");
    assert!(!script.can_step(&never));
    assert_eq!(script.log().last(), Some(&ServerEntry::Ended { process: 1 }));
    script.receive(ClientMessage::Ended);
    assert_eq!(script.log().len(), 3, "a process ends once");
}

#[test]
fn a_prompt_whose_list_ends_without_an_answer_can_still_be_cancelled() {
    let cancelled = [Action::Answer(StopReason::Cancelled)];
    let mut script = server(&[(on("first"), &[say("a")]), (Trigger::Cancel, &cancelled)]);
    script.receive(prompt("first"));
    assert_eq!(run(&mut script).len(), 2);
    script.receive(cancel());
    assert_eq!(run(&mut script), ["read session/cancel s1", "answer cancelled"]);
}

#[test]
fn a_start_can_be_slow_and_can_fail() {
    let begin: [(&str, ClientMessage, &str); 2] = [
        ("initialize", ClientMessage::Initialize { request: 0 }, ""),
        ("session/new", ClientMessage::NewSession { request: 0 }, "s1"),
    ];
    for (method, message, session) in begin {
        let gone = Action::Fail("gone".into());
        for (actions, ok) in [(vec![gate()], Ok(session)), (vec![gate(), gone], Err("gone"))] {
            let mut script = server(&[(Trigger::Request(method.into()), &actions)]);
            script.receive(message.clone());
            assert_eq!(run(&mut script), [format!("read {method}")], "not answered yet");
            script.open_gate("go");
            assert_eq!(script.step(&never).unwrap().frames, [answered(0, ok)]);
        }
    }
}

#[test]
fn a_load_can_be_slow_and_can_fail() {
    let gone = Action::Fail("gone".into());
    for (actions, ok) in [(vec![gate()], Ok("s1")), (vec![gate(), gone], Err("gone"))] {
        let mut script = server(&[(Trigger::Load, &actions)]);
        script.receive(ClientMessage::NewSession { request: 0 });
        script.receive(ClientMessage::LoadSession { request: 1, session: "s1".into() });
        run(&mut script);
        let loaded = |loaded| ServerEntry::Load { process: 1, session: "s1".into(), loaded };
        assert_eq!(script.log().last(), Some(&loaded(false)), "not answered yet");
        script.open_gate("go");
        assert_eq!(script.step(&never).unwrap().frames, [answered(1, ok)]);
        assert_eq!(script.log().last(), Some(&loaded(ok.is_ok())));
    }
}

#[test]
fn waits_see_gates_frames_and_what_the_caller_knows() {
    let frame = FrameSeen { method: Method::Prompt, text: Some("second".into()), count: 1 };
    let first = [
        Action::Open("go".into()),
        gate(),
        Action::Wait(Happening::Frame(frame.clone())),
        Action::Wait(Happening::Status(Status::Paused)),
        END,
    ];
    let mut script = server(&[(on("first"), &first)]);
    script.receive(prompt("first"));
    script.step(&never);
    assert_eq!(script.step(&never).unwrap().opened, ["go"]);
    assert!(script.gate_is_open("go") && !script.frame_seen(&frame));
    script.receive(prompt("second"));
    run(&mut script);
    assert!(script.frame_seen(&frame) && !script.frame_seen(&FrameSeen { count: 2, ..frame }));
    let paused = |happening: &Happening| *happening == Happening::Status(Status::Paused);
    assert_eq!(script.step(&paused).unwrap().label, "answer end_turn");
}

#[test]
fn the_llm_of_a_native_agent_needs_no_process() {
    let mut script = Script::new(&[], &[]);
    script.receive(prompt("first"));
    assert_eq!(run(&mut script).len(), 2);
    assert_eq!(script.process(), 0);
}

#[test]
fn a_turn_tells_of_a_tool_call_first_and_updates_it_then() {
    let tool = |id: &str, status| Action::Tool(ToolUpdate { id: id.into(), status });
    let actions = [
        tool("t1", ToolStatus::InProgress),
        tool("t2", ToolStatus::Pending),
        tool("t1", ToolStatus::Completed),
        END,
    ];
    let mut script = server(&[(on("first"), &actions)]);
    for _ in 0..2 {
        script.receive(prompt("first"));
        script.step(&never);
        let frames = script.step(&never).unwrap().frames;
        let firsts = frames.iter().filter_map(|frame| match frame {
            ServerMessage::Update { update: Update::Tool { first, .. }, .. } => Some(*first),
            _ => None,
        });
        assert_eq!(firsts.collect::<Vec<_>>(), [true, true, false], "each turn has tool calls of its own");
    }
}

#[test]
fn a_process_that_stops_reading_goes_on_otherwise_and_the_next_one_reads_again() {
    let mut script = server(&[(on("first"), &[Action::StopReading, say("on"), gate(), END])]);
    script.receive(prompt("first"));
    assert_eq!(run(&mut script), ["read session/prompt \"first\"", "stop reading, say \"on\""]);
    assert!(!script.is_reading());
    script.receive(cancel());
    assert!(!script.can_step(&never) && script.take(Choice::Read, &never).is_none());
    script.open_gate("go");
    assert_eq!(run(&mut script), ["answer end_turn"]);
    script.receive(ClientMessage::Ended);
    script.receive(ClientMessage::Started);
    script.receive(cancel());
    assert_eq!(run(&mut script), ["read session/cancel s1"], "what the old process had not read is gone");
}

#[test]
fn a_flush_is_where_others_may_come_in() {
    let mut script = server(&[(on("first"), &[say("a"), Action::Flush, say("b"), END])]);
    script.receive(prompt("first"));
    assert_eq!(
        run(&mut script),
        ["read session/prompt \"first\"", "say \"a\"", "say \"b\", answer end_turn"]
    );
}

#[test]
fn a_server_that_does_not_read_leaves_messages_where_they_are() {
    let mut script = server(&[(on("first"), &[Action::StopReading, gate(), Action::ResumeReading])]);
    script.receive(prompt("first"));
    run(&mut script);
    script.receive(cancel());
    assert!(!script.is_reading() && !script.can_step(&never));
    assert_eq!(script.take(Choice::Read, &never), None);
    script.open_gate("go");
    assert_eq!(run(&mut script), ["resume reading", "read session/cancel s1"]);
    script.receive(prompt("first"));
    run(&mut script);
    script.receive(ClientMessage::Started);
    assert!(script.is_reading(), "a new process reads");
}

#[test]
fn reactions_can_be_for_one_session_and_one_process() {
    let reaction = |session: Option<&str>, process, text: &str| Reaction {
        on: Trigger::AnyPrompt,
        session: session.map(str::to_owned),
        process,
        breaks: Vec::new(),
        actions: vec![Action::Fail(text.to_owned())],
    };
    let reactions = [reaction(Some("s2"), None, "s2"), reaction(None, Some(2), "second")];
    let mut script = Script::new(&reactions, &[]);
    let last = |script: &mut Script, session: &str| {
        script.receive(ClientMessage::Prompt {
            request: 0,
            session: session.into(),
            text: "x".into(),
            suffix: false,
        });
        run(script).pop().unwrap()
    };
    script.receive(ClientMessage::Started);
    assert_eq!([last(&mut script, "s1"), last(&mut script, "s2")], ["answer end_turn", "fail \"s2\""]);
    script.receive(ClientMessage::Started);
    assert_eq!([last(&mut script, "s1"), last(&mut script, "s2")], ["fail \"second\"", "fail \"s2\""]);
}
