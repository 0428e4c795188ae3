//! Checks the script of an ACP server against the specification of ACP: what breaks a rule of it says so in `breaks`. Looks
//! at each reaction alone, so it finds what is certain and no more; `turnloom verify` judges what really was written.

use agent_client_protocol_schema::v1 as acp;
use serde_json::Value;

use super::Desk;
use super::names::known;
use crate::scenario::nearest::{nearest, quoted};
use crate::scenario::{
    Action, AgentKind, CallClient, Diagnostic, Happening, Message, Method, Reaction, StopReason, Trigger,
    Vocabulary, word,
};

/// The rules that are looked at here, as `verify` calls them.
const FRAMES: &str = "frames-are-valid";
const CANCELLED: &str = "cancel-is-answered-cancelled";
const NO_ERROR: &str = "cancel-is-no-error";
const UPDATES: &str = "updates-before-answer";
const ALL: [&str; 4] = [FRAMES, CANCELLED, NO_ERROR, UPDATES];

/// Something in a reaction that breaks a rule.
struct Breach {
    rule: &'static str,
    /// The pointer of what breaks it, and what is wrong with it.
    at: String,
    label: String,
    /// The pointer of what it comes after, the cancel or the answer.
    after: Option<String>,
    help: &'static str,
}

pub(super) fn lint(desk: &mut Desk<'_>, vocabulary: &Vocabulary) {
    let is_acp = desk.scenario.agent.kind == AgentKind::Acp;
    let names: Vec<&'static str> = vocabulary.protocol.iter().map(|(name, _)| *name).collect();
    for (i, reaction) in desk.scenario.server.iter().enumerate() {
        for (j, rule) in reaction.breaks.iter().enumerate() {
            known(desk, "rule of ACP", "rules of ACP", rule, &names, &format!("/server/{i}/breaks/{j}"));
        }
        let breaches = if is_acp { breaches(reaction, i) } else { Vec::new() };
        for rule in ALL {
            let said = reaction.breaks.iter().position(|name| name == rule);
            let breach = breaches.iter().find(|breach| breach.rule == rule);
            match (breach, said) {
                (Some(breach), None) => unsaid(desk, vocabulary, breach),
                (None, Some(j)) => unbroken(desk, rule, &format!("/server/{i}/breaks/{j}")),
                _ => {}
            }
        }
    }
}

fn unsaid(desk: &mut Desk<'_>, vocabulary: &Vocabulary, breach: &Breach) {
    let rule = breach.rule;
    let title = vocabulary.protocol.iter().find(|(name, _)| *name == rule).map_or("", |(_, title)| title);
    desk.warn(|spans| {
        let message = format!("this breaks the rule {} of ACP, and does not say so: {title}", quoted(rule));
        let finding =
            Diagnostic::warning("breaks-acp", message).at(spans.value(&breach.at), breach.label.clone());
        match &breach.after {
            Some(answer) if rule == UPDATES => finding.at(spans.value(answer), "answered here"),
            Some(cancel) => finding.at(spans.value(cancel), "cancelled here"),
            None => finding,
        }
        .help(format!("{}, or add \"breaks\": [\"{rule}\"] to the reaction if it is meant", breach.help))
    });
}

fn unbroken(desk: &mut Desk<'_>, rule: &str, pointer: &str) {
    desk.warn(|spans| {
        let message = format!("nothing in this reaction breaks the rule {} of ACP", quoted(rule));
        Diagnostic::warning("breaks-nothing", message)
            .at(spans.value(pointer), "not broken")
            .help("leave it out")
    });
}

/// The rules of ACP that a reaction of an ACP server breaks for certain, each once.
#[must_use]
pub fn broken_by(reaction: &Reaction) -> Vec<String> {
    let breaches = breaches(reaction, 0);
    let is_broken = |rule: &&str| breaches.iter().any(|breach| breach.rule == *rule);
    ALL.into_iter().filter(is_broken).map(ToOwned::to_owned).collect()
}

fn breaches(reaction: &Reaction, i: usize) -> Vec<Breach> {
    let is_prompt = super::server::is_prompt(&reaction.on);
    let mut cancel = (reaction.on == Trigger::Cancel).then(|| format!("/server/{i}/on"));
    let mut answered_late = None;
    let mut found = Vec::new();
    for (j, action) in reaction.actions.iter().enumerate() {
        let at = format!("/server/{i}/do/{j}");
        if matches!(action, Action::Answer(_) | Action::Fail(_)) {
            answered_late = cancel.as_ref().map(|_| at.clone());
        }
        match action {
            Action::Say(_) | Action::Think(_) | Action::Tool(_) => {
                found.extend(answered_late.clone().map(|answer| Breach {
                    rule: UPDATES,
                    at,
                    label: "an update behind the answer".to_owned(),
                    after: Some(answer),
                    help: "put it before the answer",
                }));
            }
            Action::Wait(Happening::Frame(frame)) if frame.method == Method::Cancel && is_prompt => {
                cancel.get_or_insert(at);
            }
            Action::Answer(reason) => {
                found.extend(answered(&at, "/answer", &word(reason), cancel.as_deref()))
            }
            Action::Fail(_) => found.extend(cancel.clone().map(|after| Breach {
                rule: NO_ERROR,
                at: format!("{at}/fail"),
                label: "answered with an error".to_owned(),
                after: Some(after),
                help: "answer \"cancelled\"",
            })),
            Action::Frame(message) => {
                found.extend(invalid(&at, "/frame", no_frame(message)));
                if let Some(reason) = message.0.get("result").and_then(|result| result["stopReason"].as_str())
                    && message.answers_request()
                {
                    found.extend(answered(&at, "/frame", reason, cancel.as_deref()));
                }
            }
            Action::Call(call) => found.extend(invalid(&at, "/call", no_call(call))),
            _ => {}
        }
    }
    found
}

/// A cancelled prompt that is answered with another stop reason.
fn answered(at: &str, key: &str, reason: &str, cancel: Option<&str>) -> Option<Breach> {
    let after = cancel.filter(|_| reason != word(&StopReason::Cancelled))?;
    Some(Breach {
        rule: CANCELLED,
        at: format!("{at}{key}"),
        label: format!("answered {}", quoted(reason)),
        after: Some(after.to_owned()),
        help: "answer \"cancelled\"",
    })
}

fn invalid(at: &str, key: &str, why: Result<(), String>) -> Option<Breach> {
    let label = why.err()?;
    let help = "write a message of the specification";
    Some(Breach { rule: FRAMES, at: format!("{at}{key}"), label, after: None, help })
}

/// Why a message is no frame of ACP.
fn no_frame(Message(message): &Message) -> Result<(), String> {
    if message.get("jsonrpc").is_none_or(|version| version != "2.0") {
        return Err("without \"jsonrpc\": \"2.0\"".to_owned());
    }
    let params = message.get("params").cloned().unwrap_or_default();
    let method = message.get("method").map(|method| method.as_str().ok_or("the method is no string"));
    let answers = message.contains_key("result") || message.contains_key("error");
    match (method.transpose()?, message.contains_key("id")) {
        (Some(_), _) if answers => Err("both a method and an answer".to_owned()),
        (Some(method), true) => request(method, params),
        (Some(method), false) => notification(method, params),
        (None, false) => Err("neither a method nor an id".to_owned()),
        (None, true) if !answers => Err("neither a method nor an answer".to_owned()),
        (None, true) if message.contains_key("result") && message.contains_key("error") => {
            Err("both a result and an error".to_owned())
        }
        (None, true) => Ok(()),
    }
}

fn no_call(call: &CallClient) -> Result<(), String> {
    request(&call.method, Value::Object(call.params.0.clone()))
}

/// Why a client knows no such notification. Methods that begin with `_` are extensions, of which nothing is known.
fn notification(method: &str, params: Value) -> Result<(), String> {
    match method {
        "session/update" => read::<acp::SessionNotification>(params),
        _ if method.starts_with(['_', '$']) => Ok(()),
        _ => Err(format!("{} is no notification to a client", quoted(method))),
    }
}

/// Why a client knows no such request.
fn request(method: &str, params: Value) -> Result<(), String> {
    let names = acp::CLIENT_METHOD_NAMES;
    match method {
        _ if method == names.session_request_permission => read::<acp::RequestPermissionRequest>(params),
        _ if method == names.fs_read_text_file => read::<acp::ReadTextFileRequest>(params),
        _ if method == names.fs_write_text_file => read::<acp::WriteTextFileRequest>(params),
        _ if method == names.terminal_create => read::<acp::CreateTerminalRequest>(params),
        _ if method == names.terminal_output => read::<acp::TerminalOutputRequest>(params),
        _ if method == names.terminal_release => read::<acp::ReleaseTerminalRequest>(params),
        _ if method == names.terminal_wait_for_exit => read::<acp::WaitForTerminalExitRequest>(params),
        _ if method == names.terminal_kill => read::<acp::KillTerminalRequest>(params),
        _ if method == names.elicitation_create || method.starts_with('_') => Ok(()),
        _ => Err(format!("{} is no request to a client", quoted(method))),
    }
}

/// Why the parameters are none of this type.
fn read<T: serde::de::DeserializeOwned>(params: Value) -> Result<(), String> {
    serde_json::from_value::<T>(params).map(drop).map_err(|error| reason(&error.to_string()))
}

/// The words of the reader, without what would break the line; of an unknown name the nearest one.
fn reason(words: &str) -> String {
    let mut names = words.split('`').skip(1).step_by(2);
    if words.starts_with("unknown variant")
        && let Some(unknown) = names.next()
        && let Some(near) = nearest(unknown, names)
    {
        return format!("{} is unknown: did you mean {}?", quoted(unknown), quoted(near));
    }
    quoted(words).replace('`', "")
}
