//! The rules of ACP v1 over the frames of a transcript: what each side must do, should do, and what the specification
//! leaves open. A rule names the entry that breaks it and who is to blame for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use crate::rules::{Side, basis};
use crate::wire::transcript::{Entry, Part, What};

/// A rule of the protocol. How binding it is and which page says so is in the table of the rules, [`basis`].
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// What must hold.
    pub title: &'static str,
}

impl Rule {
    /// Where the specification says so: `prompt-turn, tool-calls`, or that it does not.
    #[must_use]
    pub fn page(&self) -> String {
        match basis(self.name) {
            Some(basis) if !basis.pages.is_empty() => basis.pages.join(", "),
            _ => "not stated".to_owned(),
        }
    }
}

macro_rules! rules {
    ($($id:ident $name:literal $title:literal)*) => {
        $(const $id: &Rule = &Rule { name: $name, title: $title };)*
        /// Every rule.
        pub const RULES: &[&Rule] = &[$($id),*];
    };
}

rules! {
    FRAMES "frames-are-valid" "each line is a message of JSON-RPC 2.0"
    ANSWERS "answers-have-requests" "each answer is the only one to a request of the other side"
    SETUP "setup-before-prompt" "initialize and the session's setup end before its first prompt"
    PERMISSIONS "permissions-are-cancelled" "after a cancel, pending permission requests are answered cancelled"
    CANCELLED "cancel-is-answered-cancelled" "a cancelled prompt is answered with the stop reason cancelled"
    NO_ERROR "cancel-is-no-error" "a cancelled prompt is not answered with an error"
    UPDATES "updates-before-answer" "updates after a cancel come before the prompt's answer"
    CAPABILITIES "capabilities-are-advertised" "the agent calls only what the client advertised"
    PROGRESS "permitted-tools-report" "a tool that was permitted reports in_progress"
    SECOND "one-prompt-a-turn" "no second prompt comes during a turn"
    IDLE "cancel-has-a-turn" "a cancel comes during a turn"
    LATE "updates-in-a-turn" "updates come during a turn"
}

/// A broken rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: &'static Rule,
    /// Whose doing it is.
    pub side: Side,
    /// The entry of the transcript.
    pub n: u64,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: entry {}, {}: {} ({})",
            self.rule.name,
            self.n,
            self.side,
            self.message,
            self.rule.page()
        )
    }
}

/// What of a session breaks a rule, in the order of its entries.
#[must_use]
pub fn judge(entries: &[Entry]) -> Vec<Violation> {
    let mut court = Court::default();
    for entry in entries {
        court.n = entry.n;
        match &entry.what {
            What::Begin { .. } => court.wire = Wire::default(),
            What::Read { frame, .. } => match serde_json::from_str(frame.get()) {
                Ok(frame) => court.client_wrote(&frame),
                Err(_) => court.add(FRAMES, Side::Client, "what was read is no frame"),
            },
            What::Garbage { why, .. } => court.add(FRAMES, Side::Client, why),
            What::Step { writes, .. } => writes.iter().for_each(|part| court.part(part)),
            // The LLM speaks another protocol.
            What::Ask { .. } | What::Reply { .. } | What::Http { .. } => {}
            What::Open { .. } | What::Tell { .. } | What::Call { .. } | What::End { .. } => {}
        }
    }
    court.violations
}

/// A prompt that is not answered.
#[derive(Debug, Clone)]
struct Turn {
    session: String,
    cancelled: bool,
}

/// A permission that the agent asked for.
#[derive(Debug, Clone)]
struct Permission {
    session: String,
    tool: String,
    /// Whether the turn was cancelled since.
    cancelled: bool,
}

/// What is in flight on the pipe of one process.
#[derive(Debug, Default)]
struct Wire {
    initialized: bool,
    /// The client's requests that are not answered: the method and the session.
    asked: BTreeMap<String, (String, String)>,
    turns: BTreeMap<String, Turn>,
    sessions: BTreeSet<String>,
    /// Sessions whose last turn was cancelled.
    cancelled: BTreeSet<String>,
    /// The agent's requests that are not answered.
    called: BTreeMap<String, Option<Permission>>,
    /// Tools that were permitted and have not reported.
    permitted: BTreeSet<String>,
    capabilities: Value,
}

#[derive(Default)]
struct Court {
    n: u64,
    wire: Wire,
    violations: Vec<Violation>,
}

impl Court {
    fn add(&mut self, rule: &'static Rule, side: Side, message: impl Into<String>) {
        self.violations.push(Violation { rule, side, n: self.n, message: message.into() });
    }

    fn in_turn(&self, session: &str) -> bool {
        self.wire.turns.values().any(|turn| turn.session == session)
    }

    fn client_wrote(&mut self, frame: &Value) {
        let session = frame["params"]["sessionId"].as_str().unwrap_or_default().to_owned();
        match (frame["method"].as_str(), frame.get("id")) {
            (Some(method), Some(id)) => self.request(method, &id.to_string(), session, &frame["params"]),
            (Some("session/cancel"), None) => self.cancel(&session),
            (Some(_), None) => {}
            (None, Some(id)) => self.reply(&id.to_string(), frame),
            (None, None) => self.add(FRAMES, Side::Client, "a message without a method and an id"),
        }
    }

    fn request(&mut self, method: &str, id: &str, session: String, params: &Value) {
        match method {
            "initialize" => self.wire.capabilities = params["clientCapabilities"].clone(),
            "session/prompt" => self.prompt(id, &session),
            _ => {}
        }
        self.wire.asked.insert(id.to_owned(), (method.to_owned(), session));
    }

    fn prompt(&mut self, id: &str, session: &str) {
        if !self.wire.initialized {
            self.add(SETUP, Side::Client, "a prompt before `initialize` was answered");
        } else if !self.wire.sessions.contains(session) {
            let message = format!("a prompt of session {session:?}, which was not set up in this process");
            self.add(SETUP, Side::Client, message);
        }
        if self.in_turn(session) {
            self.add(SECOND, Side::Client, format!("a second prompt in session {session:?}"));
        }
        self.wire.cancelled.remove(session);
        self.wire.turns.insert(id.to_owned(), Turn { session: session.to_owned(), cancelled: false });
    }

    fn cancel(&mut self, session: &str) {
        if !self.in_turn(session) {
            self.add(IDLE, Side::Client, format!("nothing is in flight in session {session:?}"));
        }
        self.wire
            .turns
            .values_mut()
            .filter(|turn| turn.session == session)
            .for_each(|turn| turn.cancelled = true);
        let pending = self.wire.called.values_mut().flatten();
        pending.filter(|asked| asked.session == session).for_each(|asked| asked.cancelled = true);
    }

    fn reply(&mut self, id: &str, frame: &Value) {
        if is_about_no_frame(frame) {
            return;
        }
        let Some(called) = self.wire.called.remove(id) else {
            self.add(ANSWERS, Side::Client, format!("an answer with id {id}, which nobody asked"));
            return;
        };
        let Some(permission) = called else { return };
        let cancelled = frame["result"]["outcome"]["outcome"] == "cancelled";
        if permission.cancelled && !cancelled {
            let message = format!("the permission for {:?} is not answered cancelled", permission.tool);
            self.add(PERMISSIONS, Side::Client, message);
        } else if !permission.cancelled && frame["result"]["outcome"]["outcome"] == "selected" {
            self.wire.permitted.insert(permission.tool);
        }
    }

    fn part(&mut self, part: &Part) {
        match part {
            Part::Frame(frame) => match serde_json::from_str(frame.get()) {
                Ok(frame) => self.agent_wrote(&frame),
                Err(_) => self.add(FRAMES, Side::Agent, "what was written is no frame"),
            },
            Part::Raw(_) => self.add(FRAMES, Side::Agent, "raw bytes"),
            Part::Split(_) | Part::CloseOutput | Part::Exit(_) => {}
        }
    }

    fn agent_wrote(&mut self, frame: &Value) {
        match (frame["method"].as_str(), frame.get("id")) {
            (Some("session/update"), None) => self.update(&frame["params"]),
            (Some(_), None) => {}
            (Some(method), Some(id)) => self.call(method, &id.to_string(), &frame["params"]),
            (None, Some(_)) if is_about_no_frame(frame) => {}
            (None, Some(id)) => self.answer(&id.to_string(), frame),
            (None, None) => self.add(FRAMES, Side::Agent, "a message without a method and an id"),
        }
    }

    fn update(&mut self, params: &Value) {
        let session = params["sessionId"].as_str().unwrap_or_default();
        let update = &params["update"];
        if !self.in_turn(session) {
            let kind = update["sessionUpdate"].as_str().unwrap_or_default();
            if self.wire.cancelled.contains(session) {
                self.add(UPDATES, Side::Agent, format!("{kind} after the cancelled prompt was answered"));
            } else {
                self.add(LATE, Side::Agent, format!("{kind} outside of a turn"));
            }
        }
        if let (Some(tool), Some(status)) = (update["toolCallId"].as_str(), update["status"].as_str())
            && status != "pending"
            && self.wire.permitted.remove(tool)
            && status != "in_progress"
        {
            self.add(PROGRESS, Side::Agent, format!("{tool:?} is {status} at once"));
        }
    }

    fn call(&mut self, method: &str, id: &str, params: &Value) {
        let capability = match method {
            "fs/read_text_file" => Some(&self.wire.capabilities["fs"]["readTextFile"]),
            "fs/write_text_file" => Some(&self.wire.capabilities["fs"]["writeTextFile"]),
            _ if method.starts_with("terminal/") => Some(&self.wire.capabilities["terminal"]),
            _ => None,
        };
        if capability.is_some_and(|capability| *capability != true) {
            self.add(CAPABILITIES, Side::Agent, format!("{method} was not advertised"));
        }
        let permission = (method == "session/request_permission").then(|| Permission {
            session: params["sessionId"].as_str().unwrap_or_default().to_owned(),
            tool: params["toolCall"]["toolCallId"].as_str().unwrap_or_default().to_owned(),
            cancelled: false,
        });
        self.wire.called.insert(id.to_owned(), permission);
    }

    fn answer(&mut self, id: &str, frame: &Value) {
        let Some((method, session)) = self.wire.asked.remove(id) else {
            self.add(ANSWERS, Side::Agent, format!("an answer with id {id}, which waits for none"));
            return;
        };
        let result = frame.get("result");
        match (method.as_str(), result) {
            ("initialize", Some(_)) => self.wire.initialized = true,
            ("session/new", Some(result)) => {
                self.wire.sessions.extend(result["sessionId"].as_str().map(str::to_owned));
            }
            ("session/load" | "session/resume", Some(_)) => _ = self.wire.sessions.insert(session),
            _ => {}
        }
        if let Some(turn) = self.wire.turns.remove(id).filter(|turn| turn.cancelled) {
            match result {
                None => self.add(NO_ERROR, Side::Agent, format!("the prompt with id {id} gets an error")),
                Some(result) if result["stopReason"] != "cancelled" => {
                    let message = format!("the prompt with id {id} ends with {}", result["stopReason"]);
                    self.add(CANCELLED, Side::Agent, message);
                }
                Some(_) => {}
            }
            self.wire.cancelled.insert(turn.session);
        }
    }
}

/// Whether it answers a line whose id nobody could read.
fn is_about_no_frame(frame: &Value) -> bool {
    frame.get("id") == Some(&Value::Null) && frame.get("error").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = r#"{"begin":{"scenario":"x","digest":""}}"#;

    fn read(frame: &str) -> String {
        format!(r#"{{"read":{{"frame":{{"jsonrpc":"2.0",{frame}}}}}}}"#)
    }

    fn wrote(frame: &str) -> String {
        format!(r#"{{"step":{{"did":"","writes":[{{"frame":{{"jsonrpc":"2.0",{frame}}}}}]}}}}"#)
    }

    /// The names of the rules that a session breaks, once it has been set up with a prompt in flight.
    fn broken(session: &[String]) -> Vec<&'static str> {
        let setup = [
            BEGIN.to_owned(),
            read(r#""id":0,"method":"initialize","params":{}"#),
            wrote(r#""id":0,"result":{}"#),
            read(r#""id":1,"method":"session/new","params":{}"#),
            wrote(r#""id":1,"result":{"sessionId":"s1"}"#),
            read(PROMPT),
        ];
        broken_of(&[&setup[..], session].concat())
    }

    fn broken_of(session: &[String]) -> Vec<&'static str> {
        let entry = |(at, what): (usize, &String)| {
            serde_json::from_str(&format!(r#"{{"n":{},"process":1,"what":{what}}}"#, at + 1)).unwrap()
        };
        let entries: Vec<Entry> = session.iter().enumerate().map(entry).collect();
        let violations = judge(&entries);
        for violation in &violations {
            let basis = basis(violation.rule.name).expect("a line in the table of rules");
            assert!(basis.binds.contains(&violation.side), "{violation}");
        }
        violations.into_iter().map(|violation| violation.rule.name).collect()
    }

    const PROMPT: &str = r#""id":2,"method":"session/prompt","params":{"sessionId":"s1","prompt":[]}"#;
    const CANCEL: &str = r#""method":"session/cancel","params":{"sessionId":"s1"}"#;
    const CANCELLED_ANSWER: &str = r#""id":2,"result":{"stopReason":"cancelled"}"#;
    const END_TURN: &str = r#""id":2,"result":{"stopReason":"end_turn"}"#;
    const UPDATE: &str = r#""method":"session/update","params":{"sessionId":"s1","update":{"sessionUpdate":"agent_message_chunk"}}"#;
    const ASK: &str = r#""id":"p","method":"session/request_permission","params":{"sessionId":"s1","toolCall":{"toolCallId":"t"}}"#;
    const YES: &str = r#""id":"p","result":{"outcome":{"outcome":"selected","optionId":"y"}}"#;
    const NO: &str = r#""id":"p","result":{"outcome":{"outcome":"cancelled"}}"#;

    fn card(status: &str) -> String {
        wrote(&format!(
            r#""method":"session/update","params":{{"sessionId":"s1","update":{{"sessionUpdate":"tool_call","toolCallId":"t","status":"{status}"}}}}"#
        ))
    }

    #[test]
    fn a_session_by_the_book_breaks_nothing() {
        let cancelled = [wrote(ASK), read(CANCEL), read(NO), wrote(UPDATE), wrote(CANCELLED_ANSWER)];
        assert!(broken(&cancelled).is_empty());
        let permitted =
            [wrote(ASK), read(YES), card("pending"), card("in_progress"), card("completed"), wrote(END_TURN)];
        assert!(broken(&permitted).is_empty());
    }

    #[test]
    fn each_rule_has_a_session_that_breaks_it_and_no_other() {
        let garbage = r#"{"garbage":{"bytes":{"text":"x"},"why":"no JSON"}}"#.to_owned();
        let raw = r#"{"step":{"did":"","writes":[{"raw":{"text":"x"}}]}}"#.to_owned();
        for (rule, session) in [
            ("frames-are-valid", vec![garbage]),
            ("frames-are-valid", vec![raw]),
            ("answers-have-requests", vec![wrote(END_TURN), wrote(END_TURN)]),
            ("answers-have-requests", vec![read(r#""id":"x","result":{}"#)]),
            ("permissions-are-cancelled", vec![wrote(ASK), read(CANCEL), read(YES), wrote(CANCELLED_ANSWER)]),
            ("cancel-is-answered-cancelled", vec![read(CANCEL), wrote(END_TURN)]),
            ("cancel-is-no-error", vec![read(CANCEL), wrote(r#""id":2,"error":{"code":1,"message":"m"}"#)]),
            ("updates-before-answer", vec![read(CANCEL), wrote(CANCELLED_ANSWER), wrote(UPDATE)]),
            (
                "capabilities-are-advertised",
                vec![wrote(r#""id":"f","method":"fs/read_text_file","params":{}"#)],
            ),
            ("permitted-tools-report", vec![wrote(ASK), read(YES), card("completed")]),
            ("one-prompt-a-turn", vec![read(&PROMPT.replace("\"id\":2", "\"id\":3"))]),
            ("cancel-has-a-turn", vec![wrote(END_TURN), read(CANCEL)]),
            ("updates-in-a-turn", vec![wrote(END_TURN), wrote(UPDATE)]),
        ] {
            assert_eq!(broken(&session), [rule], "{session:?}");
        }
        assert_eq!(broken_of(&[BEGIN.to_owned(), read(PROMPT)]), ["setup-before-prompt"]);
        let mut broken_here: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
        broken_here.sort_unstable();
        broken_here.dedup();
        assert_eq!(broken_here.len(), 12, "a new rule needs a session above");
    }
}
