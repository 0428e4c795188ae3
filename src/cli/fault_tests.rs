//! What each command that runs scenarios says when turnloom itself panics.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use clap::Parser;

use super::console::Console;
use super::exit::Exit;
use super::{Cli, Command, audit, check, explore, replay};
use crate::engine::fault_injection::{Planted, with};

/// A stream that the test reads.
#[derive(Clone, Default)]
struct Kept(Rc<RefCell<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.take()).expect("what is printed is text")
    }
}

const SCENARIO: &str = "scenarios/r08-finish-gap.json";

/// How the command ends with the fault planted, and what it prints on stdout and on stderr.
fn told(planted: Planted, arguments: &[&str]) -> (Exit, String, String) {
    let (out, err) = (Kept::default(), Kept::default());
    let mut console = Console::of_test(Box::new(out.clone()), Box::new(err.clone()));
    let cli = Cli::try_parse_from(["turnloom"].iter().chain(arguments)).expect("a command");
    let exit = with(Some(planted), || match cli.command {
        Command::Explore(arguments) => explore::run(&mut console, &arguments),
        Command::Check(arguments) => check::run(&mut console, &arguments),
        Command::Audit(arguments) => audit::run(&mut console, &arguments),
        Command::Replay(arguments) => replay::run(&mut console, &arguments),
        _ => unreachable!("a command that runs scenarios"),
    });
    (exit, out.text(), err.text())
}

const SAYS: &str = "this is a fault of turnloom and says nothing about the scenario: please report it with the scenario's \
                    file, the command line and this message";

const FAULTS: [(Planted, &str); 2] = [
    (Planted::ThreadPanics, "main: a planted fault of a thread"),
    (Planted::EnginePanics, "a planted fault of the engine"),
];

#[test]
fn explore_says_that_turnloom_is_at_fault_also_as_json() {
    for (planted, message) in FAULTS {
        let said = format!("failed to run `r08-finish-gap`: {message}; {SAYS}");
        let (exit, out, err) = told(planted, &["explore", SCENARIO, "--jobs", "1"]);
        assert_eq!((exit, out, err), (Exit::Incomplete, String::new(), format!("error: {said}\n")));
        for also in [&[][..], &["--shrink"], &["--suggest"]] {
            let json = ["explore", SCENARIO, "--jobs", "1", "--format", "json"];
            let (exit, out, _) = told(planted, &[&json, also].concat());
            let document: serde_json::Value = serde_json::from_str(&out).expect("one JSON document");
            let expected = serde_json::json!({
                "name": "r08-finish-gap", "verdict": format!("incomplete: {said}"), "fault": "turnloom",
            });
            assert_eq!((exit, document), (Exit::Incomplete, expected), "{also:?}");
        }
    }
}

#[test]
fn replay_says_that_turnloom_is_at_fault() {
    for (planted, message) in FAULTS {
        let token = "r08-finish-gap:finish-gap:bob@alice.lock-state.7:139700";
        let (exit, _, err) = told(planted, &["replay", SCENARIO, token]);
        assert_eq!(exit, Exit::Incomplete);
        assert_eq!(err, format!("error: failed to run `r08-finish-gap`: {message}; {SAYS}\n"));
    }
}

#[test]
fn check_says_so_of_the_scenario() {
    for (planted, message) in FAULTS {
        let (exit, out, _) = told(planted, &["check", SCENARIO, "--jobs", "1", "--format", "json"]);
        let document: serde_json::Value = serde_json::from_str(&out).expect("one JSON document");
        let said = format!("incomplete: failed to run `r08-finish-gap`: {message}; {SAYS}");
        assert_eq!((exit, &document["scenarios"][0]["verdict"]), (Exit::Incomplete, &said.into()));
    }
}

#[test]
fn audit_proves_nothing_and_says_why() {
    for (planted, message) in FAULTS {
        let (exit, out, _) = told(planted, &["audit", SCENARIO, "--jobs", "1", "--format", "json"]);
        let document: serde_json::Value = serde_json::from_str(&out).expect("one JSON document");
        let said = format!("failed to run `r08-finish-gap`: {message}; {SAYS}");
        assert_eq!((exit, &document["rows"][0]["incomplete"]), (Exit::Incomplete, &said.into()));
    }
}
