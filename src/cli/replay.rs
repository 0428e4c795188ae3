//! `turnloom replay`: one interleaving again, drawn, and what it breaks.

use std::fmt::Write;

use super::console::Console;
use super::export::{Failed, Found};
use super::files;
use super::files::File;
use super::program::Runs;
use super::{Exit, Replay as Arguments, names, racing};
use crate::explore::{ExploreError, Job, Replay, Token};
use crate::harness::Firing;
use crate::report::{timeline, words};
use crate::scenario::Channel;

/// Replays the token on the scenario.
pub(super) fn run(console: &mut Console, arguments: &Arguments) -> Exit {
    if let Some(what) = arguments.reading.wrong() {
        return console.refuse(&format!("failed to replay: {what}"), "");
    }
    let token: Token = match arguments.token.parse() {
        Ok(token) => token,
        Err(error) => {
            let help = "copy the whole token, as `explore` or `check` printed it";
            return console.refuse(&format!("failed to read the token: {error}"), help);
        }
    };
    let Some(file) = files::load_one(console, &arguments.file, arguments.on.purpose()) else {
        return Exit::Bad;
    };
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
        timers: token.timers,
        subject: match arguments.on.program() {
            Ok(subject) => subject,
            Err((what, help)) => return console.refuse(&what, &help),
        },
    };
    let runs = match Runs::of(console, &job) {
        Ok(runs) => runs,
        Err(exit) => return exit,
    };
    let replayed = runs.replay(&job, &token.schedule).and_then(|replay| {
        let repeated = repeat((&job, &runs), &replay, arguments.times.get())?;
        Ok((replay, repeated))
    });
    match replayed {
        Ok((replay, repeated)) => tell(console, arguments, (&file, &job, &runs), (&replay, &repeated)),
        Err(error) => console.could_not_run(&error),
    }
}

/// Tells the execution, and writes it to where else it is wanted.
fn tell(
    console: &mut Console,
    arguments: &Arguments,
    (file, job, runs): (&File, &Job, &Runs<'_>),
    (replay, repeated): (&Replay, &Repeated),
) -> Exit {
    let is_text = !arguments.reading.takes_stdout();
    if is_text {
        console.out(&told(file, job, replay, console.colour));
        console.out(&repeated.told());
    }
    let mut pair = None;
    if !replay.violations.is_empty() {
        pair = match runs.racing_pair(job, &replay.schedule) {
            Ok(found) => found,
            Err(error) => return console.could_not_run(&error),
        };
        if is_text {
            let waits = match runs.deciding_waits(job, pair.as_ref()) {
                Ok(waits) => waits,
                Err(error) => return console.could_not_run(&error),
            };
            console.out(&racing::told(job, (pair.as_ref(), &waits), file, ""));
        }
    }
    let found = Found { job, runs, file, replay, pair: pair.as_ref(), lock_violations: &[], locks: None };
    match arguments.reading.write(console, &found) {
        Ok(()) => exit(replay, repeated),
        Err(Failed::Run(error)) => console.could_not_run(&error),
        Err(Failed::Write) => Exit::Bad,
    }
}

/// What came of running one schedule again and again.
#[derive(Default)]
struct Repeated {
    times: u32,
    /// How many executions were not as the first.
    different: u32,
    /// Of the first of them: which one it was, and the first step that is different.
    first: Option<(u32, usize)>,
}

/// Runs the schedule of an execution again, until it was run so many times.
fn repeat((job, runs): (&Job, &Runs<'_>), replay: &Replay, times: u32) -> Result<Repeated, ExploreError> {
    let mut repeated = Repeated { times, ..Repeated::default() };
    for number in 2..=times {
        let again = runs.replay(job, &replay.schedule)?;
        if again != *replay {
            let same = replay.steps.iter().zip(&again.steps).take_while(|(one, other)| one == other);
            repeated.different += 1;
            repeated.first = repeated.first.or(Some((number, same.count())));
        }
    }
    Ok(repeated)
}

impl Repeated {
    /// In words; empty if it was run only once.
    fn told(&self) -> String {
        match (self.times, self.first) {
            (1, _) => String::new(),
            (times, None) => format!("replayed {times} times: the same each time\n"),
            (times, Some((number, step))) => format!(
                "replayed {times} times: {} not as the first; number {number} first differs at step {step}\n",
                if self.different == 1 { "1 was".to_owned() } else { format!("{} were", self.different) },
            ),
        }
    }
}

/// A schedule that did not do the same each time says nothing for sure. A replay that drifted and breaks nothing is not clean: the
/// execution of the token was not seen.
fn exit(replay: &Replay, repeated: &Repeated) -> Exit {
    if repeated.different > 0 {
        Exit::Incomplete
    } else if !replay.violations.is_empty() {
        Exit::Findings
    } else if replay.drift.is_empty() {
        Exit::Clean
    } else {
        Exit::Incomplete
    }
}

/// That the schedule no longer fits, where, and what to do about it; empty if it fits.
fn drifted(file: &File, job: &Job, replay: &Replay) -> String {
    if replay.drift.is_empty() {
        return String::new();
    }
    let mut text = "\ndrifted: the scenario or the runtime has changed since the token was made; what follows is as near as \
         it comes\n"
        .to_owned();
    text += &words::drift(&replay.drift, "  ");
    let mut command = format!("turnloom explore {}", words::shell(&file.shown()));
    if let Some(revision) = &job.revision {
        let _ = write!(command, " --revision {}", words::shell(revision));
    }
    for defect in &job.defects {
        let _ = write!(command, " --defect {}", words::shell(defect));
    }
    if job.timers == Firing::Race {
        command += " --timers race";
    }
    let token = job.token(replay.schedule.clone());
    let _ = writeln!(text, "  token of what was run: {token}");
    let _ = writeln!(text, "  `{command}` gives the tokens of today");
    text
}

fn told(file: &File, job: &Job, replay: &Replay, colour: bool) -> String {
    let mut text = job.name.clone();
    let changes = words::changes(job.revision.as_deref(), &job.defects, job.timers);
    if !changes.is_empty() {
        let _ = write!(text, "   with {changes}");
    }
    text.push('\n');
    text += &drifted(file, job, replay);
    let _ = write!(text, "\n{}\noutcome\n", timeline::render(replay, colour));
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
    use super::{Repeated, exit, told};
    use crate::cli::Exit;
    use crate::cli::backend::Loaded;
    use crate::cli::files::File;
    use crate::engine::execution::Misfit;
    use crate::engine::execution::{Drift, Schedule};
    use crate::explore::{Anchor, Job, Replay, TraceStep};
    use crate::harness::Firing;
    use crate::observation::{Event, Observations, Stuck, Waiting, Why};
    use crate::rules::{Mark, Side, Violation};
    use crate::scenario::EventKind;

    fn job() -> Job {
        let scenario = serde_json::json!({
            "version": 1, "title": "t", "source": "s", "agent": {"kind": "acp"}, "actors": []
        });
        let scenario = serde_json::from_value(scenario).expect("a scenario needs no more");
        let defects = vec!["finish-gap".into()];
        Job { name: "r08".into(), scenario, revision: None, defects, timers: Firing::Clock, subject: None }
    }

    fn replay(stuck: Option<Stuck>, violations: Vec<Violation>) -> Replay {
        let event =
            Event { kind: EventKind::UserMessage, text: "a".into(), tool: None, thread: "bob".into() };
        let step = TraceStep {
            thread: "bob".into(),
            operation: "append".into(),
            object: "events".into(),
            detail: "usermessage a".into(),
            alternative: None,
            holds: vec!["state".into()],
            anchors: vec![Anchor::Event(0)],
            notes: Vec::new(),
        };
        let outcome = Observations { events: vec![event], stuck, ..Observations::default() };
        let (threads, steps) = (vec!["bob".into()], vec![step]);
        Replay { threads, steps, outcome, violations, schedule: Schedule::default(), drift: Vec::new() }
    }

    fn file() -> File {
        let loaded = Loaded {
            name: "r08".into(),
            scenario: job().scenario,
            warnings: String::new(),
            only_live: String::new(),
            lines: None,
        };
        File { path: "scenarios/r08.json".into(), loaded }
    }

    #[test]
    fn a_broken_rule_is_marked_in_the_picture_and_told_below() {
        let waiting = Waiting {
            thread: "bob".into(),
            place: vec!["send \"a\"".into()],
            operation: "lock run".into(),
            holds: vec!["state".into()],
            waits_for: vec!["loop".into()],
            step: None,
            needs: Vec::new(),
        };
        let violation = Violation {
            rule: "no-deadlock",
            side: Side::Client,
            message: "nobody can move".into(),
            marks: vec![Mark::Event(0), Mark::Thread("bob".into())],
        };
        let stuck = Stuck { why: Why::Deadlock, threads: vec![waiting] };
        insta::assert_snapshot!(told(&file(), &job(), &replay(Some(stuck), vec![violation]), false), @r#"
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
        let replay = replay(None, Vec::new());
        assert!(told(&file(), &job(), &replay, false).ends_with("\n\nno rule is broken\n"));
        assert_eq!(exit(&replay, &Repeated::default()), Exit::Clean);
    }

    #[test]
    fn that_a_schedule_does_not_fit_is_said_before_the_picture_and_is_not_clean() {
        let schedule: Schedule = "bob@alice.lock-state.9,cem@alice.lock-state".parse().expect("a schedule");
        let nearest: Schedule = "bob@alice.lock-state.8".parse().expect("a schedule");
        let [expected, other] = &schedule.departures[..] else { unreachable!("two switches") };
        let (misfit, instead) = (Misfit::NeverComes, nearest.departures.first().cloned());
        let near = Drift { expected: expected.clone(), step: 76, misfit, instead };
        let misfit = Misfit::CannotMove(vec!["bob".into(), "alice".into()]);
        let none = Drift { expected: other.clone(), step: 80, misfit, instead: None };
        let replay = Replay { schedule: nearest, drift: vec![near, none], ..replay(None, Vec::new()) };
        insta::assert_snapshot!(told(&file(), &job(), &replay, false).split("\n\n").nth(1).unwrap(), @r"
        drifted: the scenario or the runtime has changed since the token was made; what follows is as near as it comes
          step 76: expected `bob@alice.lock-state.9`, but `alice.lock-state.9` never comes; the nearest there was is `bob@alice.lock-state.8`, which was taken
          step 80: expected `cem@alice.lock-state`, but `cem` cannot move there, only `alice`, `bob`; nothing near was there, so it was left out
          token of what was run: r08:finish-gap:bob@alice.lock-state.8:4a3ab9
          `turnloom explore scenarios/r08.json --defect finish-gap` gives the tokens of today
        ");
        assert_eq!(exit(&replay, &Repeated::default()), Exit::Incomplete);
    }
}
