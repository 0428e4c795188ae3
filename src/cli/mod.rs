//! The command line: what can be asked, and what the exit code says.
//!
//! One file a command. This one must not know what a command does.

mod audit;
mod backend;
mod check;
mod console;
mod explain;
mod explore;
mod files;
mod gate;
mod import;
mod jobs;
mod lint;
mod locks;
mod names;
mod progress;
mod racing;
mod regressions;
mod replay;
mod search;
mod serve;
mod shrink;
mod verify;

use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::explore::EngineKind;
use console::Console;
use search::Engine;

/// How a command ends, from well to worst; the number is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    Clean = 0,
    Incomplete = 3,
    Findings = 1,
    Bad = 2,
}

impl Exit {
    /// The worse of the two.
    fn or(self, other: Self) -> Self {
        let order = [Self::Clean, Self::Incomplete, Self::Findings, Self::Bad];
        let place = |exit| order.iter().position(|known| *known == exit);
        if place(other) > place(self) { other } else { self }
    }
}

const LONG_ABOUT: &str = "\
finds, replays and gates the races of agent conversations

A scenario file scripts a fake ACP server and the people who talk to it. turnloom runs the conversation runtime under
every interleaving that matters, checks lock order and event order, compares what could be observed with a reviewed
snapshot, and hands back the shortest interleaving that breaks a rule, as a picture and as a token that replays it.

Who uses it for what:
  the CI of a runtime, so that no race comes back             check, audit
  someone with a race report, to make it fail every time      explore, replay, serve, verify, import
  the author of a scenario                                    lint, schema, explain";

const EXAMPLES: &str = "\
Examples:
  turnloom check                                              run all of scenarios/ and compare with snapshots/
  turnloom explore scenarios/r08-finish-gap.json --defect finish-gap
  turnloom replay scenarios/r08-finish-gap.json r08-finish-gap:finish-gap:bob@alice.lock-state.7:139700
  turnloom explain finish-gap

Exit codes:
  0 clean   1 findings   2 bad input or usage   3 incomplete";

#[derive(Parser)]
#[command(
    name = "turnloom",
    version,
    about = "finds, replays and gates the races of agent conversations",
    long_about = LONG_ABOUT,
    after_help = EXAMPLES,
    disable_help_subcommand = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// run scenarios under every interleaving and compare with the reviewed snapshots
    #[command(after_help = "\
Examples:
  turnloom check                                  every scenario in scenarios/
  turnloom check scenarios/r08-finish-gap.json    one of them
  turnloom check --update                         make what was seen the reviewed snapshots
  turnloom check --format json                    for a program")]
    Check(Check),
    /// list the distinct outcomes of one scenario, and the schedules that break a rule
    #[command(after_help = "\
Examples:
  turnloom explore scenarios/r08-finish-gap.json
  turnloom explore scenarios/r08-finish-gap.json --defect finish-gap
  turnloom explore scenarios/r08-finish-gap.json --revision 1.25.0 --engine loom --preemptions 2
  turnloom explore scenarios/r08-finish-gap.json --defect finish-gap --shrink > r08-finish-gap-small.json")]
    Explore(Explore),
    /// run one interleaving again and draw it, a column a thread
    #[command(after_help = "\
Examples:
  turnloom replay scenarios/r08-finish-gap.json r08-finish-gap:finish-gap:bob@alice.lock-state.7:139700

A double line is a thread that holds a lock, an arrow leads to the thread that goes on, ✗ is a step that breaks a rule.")]
    Replay(Replay),
    /// switch on each defect that a scenario catches: is it found, is the rest clean, does it replay?
    #[command(after_help = "\
Examples:
  turnloom audit
  turnloom audit scenarios/r08-finish-gap.json --format json")]
    Audit(Audit),
    /// say all that is wrong with scenario files, without running them
    #[command(after_help = "\
Examples:
  turnloom lint scenarios/r08-finish-gap.json")]
    Lint(Lint),
    /// print the JSON Schema of the scenario file
    #[command(after_help = "\
Examples:
  turnloom schema > scenario.schema.json")]
    Schema,
    /// say what a rule, a defect, a decision or a revision is, and where it comes from
    #[command(after_help = "\
Examples:
  turnloom explain                 every name
  turnloom explain rules           the names of one kind: rules, defects, decisions, revisions
  turnloom explain finish-gap      one of them
  turnloom explain R08             a row of the race catalogue")]
    Explain(Explain),
    /// play the scripted server for a real client: ACP on stdin and stdout
    #[command(after_help = "\
Examples:
  turnloom serve scenarios/r08-finish-gap.json --transcript session.jsonl
  turnloom serve scenarios/r17-fifo-skip.json --control 127.0.0.1:0

Exit codes:
  0 the client or the control port ended it   2 bad input or usage   3 inconclusive: the watchdog ended it
  or what the scenario's `exit` says")]
    Serve(Serve),
    /// hold what a real session did against the protocol, and against the outcomes of the model
    #[command(after_help = "\
Examples:
  turnloom verify session.jsonl
  turnloom verify session.jsonl --profile policy
  turnloom verify session.jsonl --scenario scenarios/r17-fifo-skip.json --revision 1.25.0 --observed seen.json")]
    Verify(Verify),
    /// make a scenario file of the transcript of a session, to explore, check or serve what was seen
    #[command(after_help = "\
Examples:
  turnloom import session.jsonl                               prints the scenario
  turnloom import session.jsonl --output scenarios/seen.json  writes it, if there is no such file yet
  turnloom verify session.jsonl --scenario scenarios/seen.json --revision 1.25.0")]
    Import(Import),
    /// explore under loom for the process that started this one
    #[command(hide = true)]
    LoomChild,
}

#[derive(Args)]
struct Check {
    /// scenario files, or folders of them
    #[arg(value_name = "PATH", default_value = "scenarios/")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    engine: Engine,
    #[command(flatten)]
    jobs: Jobs,
    /// write what was seen to the snapshots (never in CI)
    #[arg(long)]
    update: bool,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
struct Explore {
    /// the scenario file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// switch on a defect; may be given more than once
    #[arg(long = "defect", value_name = "NAME")]
    defects: Vec<String>,
    /// take the decisions of this revision instead of the scenario's own
    #[arg(long, value_name = "NAME")]
    revision: Option<String>,
    /// instead of all outcomes, print the smallest scenario that breaks the same rules, and tell its token on stderr
    #[arg(long, conflicts_with_all = ["engine", "preemptions", "stats"])]
    shrink: bool,
    #[command(flatten)]
    engine: Engine,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
struct Replay {
    /// the scenario file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// the token, as `explore` or `check` printed it
    #[arg(value_name = "TOKEN")]
    token: String,
}

#[derive(Args)]
struct Audit {
    /// scenario files, or folders of them
    #[arg(value_name = "PATH", default_value = "scenarios/")]
    paths: Vec<PathBuf>,
    /// the engine that explores
    #[arg(long, value_enum, default_value = "turnloom")]
    engine: EngineKind,
    #[command(flatten)]
    jobs: Jobs,
    /// for people or for programs
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Args, Clone, Copy)]
struct Jobs {
    /// scenarios that are run at a time; the report is the same for any number
    #[arg(long, value_name = "N", default_value_t = jobs::cores())]
    jobs: NonZero<usize>,
}

#[derive(Args)]
struct Lint {
    /// scenario files, or folders of them
    #[arg(value_name = "FILE", required = true)]
    paths: Vec<PathBuf>,
}

#[derive(Args)]
struct Serve {
    /// the scenario file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// write everything that happens to this file; if it is there, go on where the last process stopped
    #[arg(long, value_name = "FILE")]
    transcript: Option<PathBuf>,
    /// open gates and wait for happenings from outside, at this loopback address; port 0 takes any
    #[arg(long, value_name = "HOST:PORT")]
    control: Option<String>,
    /// write the address and the token of the control port to this file instead of stderr
    #[arg(long, value_name = "FILE", requires = "control")]
    announce: Option<PathBuf>,
    /// end as inconclusive when nothing has happened for so long, in real time
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    watchdog: crate::scenario::Duration,
    /// give the entries of the transcript times
    #[arg(long)]
    times: bool,
}

#[derive(Args)]
struct Verify {
    /// the transcript, as `serve` wrote it
    #[arg(value_name = "TRANSCRIPT")]
    transcript: PathBuf,
    /// the rules: what the protocol demands, what it recommends as well, what it leaves open as well
    #[arg(long, value_enum, default_value = "acp-v1-must")]
    profile: crate::verify::rules::Profile,
    /// the scenario that was played: is what was seen among the outcomes of the model?
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// the outcomes of this revision instead of the scenario's own
    #[arg(long, value_name = "NAME", requires = "scenario")]
    revision: Option<String>,
    /// what was seen besides the transcript, as JSON: `events`, `calls`, `stream`, `end`, as in `explore --format json`
    #[arg(long, value_name = "FILE", requires = "scenario")]
    observed: Option<PathBuf>,
}

#[derive(Args)]
struct Import {
    /// the transcript, as `serve` wrote it
    #[arg(value_name = "TRANSCRIPT")]
    transcript: PathBuf,
    /// write the scenario to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
struct Explain {
    /// a name, a row of the race catalogue, or a kind: rules, defects, decisions, revisions
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

#[derive(Args, Clone, Copy)]
struct Shape {
    /// also print numbers that depend on the search: executions and seconds
    #[arg(long)]
    stats: bool,
    /// for people or for programs
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// for people
    Text,
    /// one JSON document
    Json,
}

/// Runs the command that the arguments of this process name.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // If even this cannot be written, the exit code is all that is left to say.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Bad as u8));
        }
    };
    let mut console = Console::new();
    let exit = match cli.command {
        Command::Check(arguments) => check::run(&mut console, &arguments),
        Command::Explore(arguments) => explore::run(&mut console, &arguments),
        Command::Replay(arguments) => replay::run(&mut console, &arguments),
        Command::Audit(arguments) => audit::run(&mut console, &arguments),
        Command::Lint(arguments) => lint::run(&mut console, &arguments),
        Command::Schema => lint::schema(&mut console),
        Command::Explain(arguments) => explain::run(&mut console, arguments.name.as_deref()),
        Command::Verify(arguments) => verify::run(&mut console, &arguments),
        Command::Import(arguments) => import::run(&mut console, &arguments),
        Command::Serve(arguments) => {
            let code = serve::run(&mut console, &arguments);
            // What could not be written to stdout was for the client, who has gone.
            let _ = console.close(Exit::Clean);
            return ExitCode::from(code);
        }
        Command::LoomChild => return backend::loom_child(),
    };
    ExitCode::from(console.close(exit) as u8)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Cli, Exit};

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn findings_are_worse_than_incomplete_and_bad_input_is_worst() {
        assert_eq!(Exit::Clean.or(Exit::Incomplete), Exit::Incomplete);
        assert_eq!(Exit::Findings.or(Exit::Incomplete), Exit::Findings);
        assert_eq!(Exit::Findings.or(Exit::Bad), Exit::Bad);
        assert_eq!(Exit::Incomplete.or(Exit::Clean), Exit::Incomplete);
    }
}
