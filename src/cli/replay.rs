//! `turnloom replay`: one interleaving again, drawn, and what it breaks.

use std::fmt::Write;

use super::console::Console;
use super::files::{self, File, For};
use super::{Exit, Replay as Arguments, backend, explore, names};
use crate::explore::{Job, Replay, ReplayError, Token};
use crate::report::{timeline, words};
use crate::scenario::Channel;

/// Replays the token on the scenario.
pub(super) fn run(console: &mut Console, arguments: &Arguments) -> Exit {
    let token: Token = match arguments.token.parse() {
        Ok(token) => token,
        Err(error) => {
            let help = "copy the whole token, as `explore` or `check` printed it";
            return console.refuse(&format!("failed to read the token: {error}"), help);
        }
    };
    let Some(file) = files::load_one(console, &arguments.file, For::Engine) else { return Exit::Bad };
    if token.scenario != file.loaded.name {
        let what = format!(
            "failed to replay: the token is of scenario `{}`, but `{}` is scenario `{}`",
            words::plain(&token.scenario),
            file.shown(),
            file.loaded.name
        );
        return console.refuse(&what, "name the file of the token's scenario");
    }
    if let Some((what, help)) = names::wrong(token.revision.as_deref(), &token.defects) {
        return console.refuse(&format!("failed to replay: the token has an {what}"), &help);
    }
    let job = Job {
        name: file.loaded.name.clone(),
        scenario: file.loaded.scenario.clone(),
        revision: token.revision.clone(),
        defects: token.defects.clone(),
    };
    match backend::replay(&job, &token.schedule) {
        Ok(replay) => {
            console.out(&told(&job, &replay, console.colour));
            if replay.violations.is_empty() { Exit::Clean } else { Exit::Findings }
        }
        Err(ReplayError::Explore(error)) => explore::failed(console, &error),
        Err(ReplayError::Drift(drift)) => {
            console.refuse(&format!("failed to replay: {drift}"), &after_drift(&file, &job))
        }
    }
}

/// What to do when the schedule no longer fits.
fn after_drift(file: &File, job: &Job) -> String {
    let mut command = format!("turnloom explore {}", words::shell(&file.shown()));
    if let Some(revision) = &job.revision {
        let _ = write!(command, " --revision {}", words::shell(revision));
    }
    for defect in &job.defects {
        let _ = write!(command, " --defect {}", words::shell(defect));
    }
    format!(
        "the scenario or the runtime has changed since the token was made; `{command}` gives the tokens of today"
    )
}

fn told(job: &Job, replay: &Replay, colour: bool) -> String {
    let mut text = job.name.clone();
    let changes = words::changes(job.revision.as_deref(), &job.defects);
    if !changes.is_empty() {
        let _ = write!(text, "   with {changes}");
    }
    let _ = write!(text, "\n\n{}\noutcome\n", timeline::render(replay, colour));
    // A replay shows all there is, also what the scenario does not observe.
    text += &words::outcome(&replay.outcome, &Channel::all());
    text.push('\n');
    for violation in &replay.violations {
        let _ = writeln!(text, "{}", words::violation(violation));
    }
    if replay.violations.is_empty() {
        text += "no rule is broken\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::told;
    use crate::check::{Mark, Violation};
    use crate::explore::{Anchor, Job, Replay, TraceStep};
    use crate::observation::{Event, Observations, Stuck, Waiting, Why};
    use crate::scenario::EventKind;

    fn job() -> Job {
        let scenario = serde_json::json!({
            "version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"}, "actors": []
        });
        let scenario = serde_json::from_value(scenario).expect("a scenario needs no more");
        Job { name: "r08".into(), scenario, revision: None, defects: vec!["finish-gap".into()] }
    }

    fn replay(stuck: Option<Stuck>, violations: Vec<Violation>) -> Replay {
        let event =
            Event { kind: EventKind::UserMessage, text: "a".into(), tool: None, thread: "bob".into() };
        let step = TraceStep {
            thread: "bob".into(),
            operation: "append".into(),
            object: "events".into(),
            detail: "usermessage a".into(),
            holds: vec!["state".into()],
            anchors: vec![Anchor::Event(0)],
        };
        let outcome = Observations { events: vec![event], stuck, ..Observations::default() };
        Replay { threads: vec!["bob".into()], steps: vec![step], outcome, violations }
    }

    #[test]
    fn a_broken_rule_is_marked_in_the_picture_and_told_below() {
        let waiting = Waiting {
            thread: "bob".into(),
            place: vec!["send \"a\"".into()],
            operation: "lock run".into(),
            holds: vec!["state".into()],
            waits_for: vec!["loop".into()],
        };
        let violation = Violation {
            rule: "no-deadlock",
            message: "nobody can move".into(),
            marks: vec![Mark::Event(0), Mark::Thread("bob".into())],
        };
        let stuck = Stuck { why: Why::Deadlock, threads: vec![waiting] };
        insta::assert_snapshot!(told(&job(), &replay(Some(stuck), vec![violation]), false), @r#"
        r08   with defect finish-gap

         step  bob
            0  ╥ append events usermessage a…  ✗ no-deadlock
        stuck  ║ … lock run                    ✗ no-deadlock

        outcome
          events   user "a"
          server   none
          end      idle, no cursor, no session
          stuck    deadlock: nobody can move
                   bob in send "a" is at `lock run`, holds state, needs loop

        ✗ no-deadlock: nobody can move
        "#);
    }

    #[test]
    fn that_nothing_is_broken_is_said() {
        assert!(told(&job(), &replay(None, Vec::new()), false).ends_with("\n\nno rule is broken\n"));
    }
}
