//! What only a maintainer of this repository asks of its scenarios: `examples/maintain.rs` is its command line.

mod defect_pairs;
mod races_page;
mod smallest_scenarios;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::console::Console;
use super::exit::Exit;
use super::files;
use super::files::For;
use super::{Jobs, audit};
use crate::explore::EngineKind;
use crate::report::json::AuditDocument;

/// what a maintainer of turnloom asks of its scenarios
#[derive(Parser)]
#[command(name = "maintain")]
struct Maintain {
    #[command(subcommand)]
    asked: Asked,
}

#[derive(Subcommand)]
enum Asked {
    /// print the page `scenarios/README.md`, if every row of the audit holds
    Races(Scenarios),
    /// say which defects mask or exclude each other
    Pairs(Scenarios),
    /// say what each scenario could do without and still find its defect
    Smallest(Scenarios),
}

#[derive(Args)]
struct Scenarios {
    /// scenario files, or folders of them
    #[arg(value_name = "PATH", default_value = "scenarios/")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    jobs: Jobs,
}

/// Answers one question, named by these arguments (the first is the program): what goes to stdout, and the exit code.
/// What is wrong is said on stderr.
///
/// ```
/// let (told, code) = turnloom::cli::maintain(["maintain", "races", "scenarios/r08-finish-gap.json"]);
/// assert_eq!(code, 0);
/// assert!(told.contains("| R08 | "));
/// ```
pub fn maintain<A: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = A>) -> (String, u8) {
    let asked = match Maintain::try_parse_from(arguments) {
        Ok(maintain) => maintain.asked,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(Exit::Bad as u8);
            // If even this cannot be written, the exit code is all that is left to say.
            let _ = error.print();
            return (String::new(), code);
        }
    };
    let mut console = Console::new();
    let (Asked::Races(scenarios) | Asked::Pairs(scenarios) | Asked::Smallest(scenarios)) = &asked;
    let Some(files) = files::load(&mut console, &scenarios.paths, For::Engine) else {
        return (String::new(), Exit::Bad as u8);
    };
    let jobs = scenarios.jobs;
    let (told, exit) = match asked {
        Asked::Races(_) => {
            let rows = audit::audit(&mut console, &files, EngineKind::Turnloom, jobs);
            let document = AuditDocument::new(rows, Vec::new());
            // What does not hold is no page, but a finding.
            let holds = document.holds();
            let told = if holds { races_page::page(&document, &files) } else { audit::table(&document) };
            (told, audit::exit(&document))
        }
        Asked::Pairs(_) => defect_pairs::look(&mut console, &files, jobs),
        Asked::Smallest(_) => smallest_scenarios::look(&mut console, &files, jobs),
    };
    (told, exit as u8)
}
