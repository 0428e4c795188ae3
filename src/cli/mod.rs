//! The command line: what can be asked, and what the exit code says.
//!
//! One file a command.

mod audit;
mod backend;
mod check;
mod completions;
mod console;
mod dry_run;
mod environment;
mod exit;
mod explain;
mod explore;
mod export;
#[cfg(test)]
mod fault_tests;
mod files;
#[cfg(test)]
mod fixtures;
mod fmt;
mod import;
mod jobs;
mod lint;
mod locks;
mod maintain;
mod merge;
mod names;
mod new;
mod outputs;
mod program;
mod progress;
mod racing;
mod regressions;
mod replay;
mod search;
mod serve;
mod shard;
mod sharding;
mod shrink;
mod snapshot_gate;
mod suggest;
mod values;
mod verify;

use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::explore::EngineKind;
pub use backend::vocabulary;
use console::Console;
pub use environment::{VARIABLES, Variable};
use exit::Exit;
use export::Reading;
pub use maintain::maintain;
use outputs::Outputs;
use program::Subject;
use search::Engine;
use shard::Shard;

const LONG_ABOUT: &str = "\
finds, replays and gates the races of agent conversations

A scenario file scripts a fake ACP server and the people who talk to it. turnloom runs the conversation runtime under
every interleaving that matters, checks lock order and event order, compares what could be observed with a reviewed
snapshot, and hands back the shortest interleaving that breaks a rule, as a picture and as a token that replays it.

Who uses it for what:
  the CI of a runtime, so that no race comes back             check, merge, audit
  someone with a race report, to make it fail every time      explore, replay, serve, verify, import
  the author of a scenario                                    new, lint, fmt, schema, explain";

const EXAMPLES: &str = "\
Examples:
  turnloom check                                              run all of scenarios/ and compare with snapshots/
  turnloom explore scenarios/r08-finish-gap.json --defect finish-gap
  turnloom replay scenarios/r08-finish-gap.json r08-finish-gap:finish-gap:bob@alice.lock-state.7:139700
  turnloom explain finish-gap

Exit codes:
  0   clean
  1   findings: a rule broke, a snapshot is missing or different, a row of the audit does not hold
  2   bad input or usage: the reason is on stderr, and nothing was written
  3   incomplete: not everything could be run, and the verdict says why";

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
  turnloom check --format json                    for a program
  turnloom check --junit junit.xml --sarif turnloom.sarif
  turnloom check --shard 2/3 --report 2.json      the second of three parts, for `turnloom merge`")]
    Check(Check),
    /// put the reports of all shards of a check together
    #[command(after_help = "\
Examples:
  turnloom merge 1.json 2.json 3.json
  turnloom merge *.json --format json --junit junit.xml

What it prints and how it ends is what one `turnloom check` of everything would have printed and ended with.")]
    Merge(Merge),
    /// list the distinct outcomes of one scenario, and the schedules that break a rule
    #[command(after_help = "\
Examples:
  turnloom explore scenarios/r08-finish-gap.json
  turnloom explore scenarios/r08-finish-gap.json --defect finish-gap
  turnloom explore scenarios/r08-finish-gap.json --revision 1.25.0 --engine loom --preemptions 2
  turnloom explore scenarios/r08-finish-gap.json --defect finish-gap --html r08.html
  turnloom explore scenarios/r08-finish-gap.json --defect finish-gap --shrink > r08-finish-gap-small.json
  turnloom explore scenarios/r08-finish-gap.json --suggest")]
    Explore(Explore),
    /// run one interleaving again and draw it, a column a thread
    #[command(after_help = "\
Examples:
  turnloom replay scenarios/r08-finish-gap.json r08-finish-gap:finish-gap:bob@alice.lock-state.7:139700
  turnloom replay scenarios/r08-finish-gap.json r08-finish-gap:finish-gap:bob@alice.lock-state.7:139700 --html r08.html
  turnloom replay scenarios/r08-finish-gap.json r08-finish-gap:finish-gap:bob@alice.lock-state.7:139700 --markdown -

A double line is a thread that holds a lock, an arrow leads to the thread that goes on, ✗ is a step that breaks a rule.")]
    Replay(Replay),
    /// switch on each defect that a scenario catches: is it found, is the rest clean, does it replay?
    #[command(after_help = "\
Examples:
  turnloom audit
  turnloom audit scenarios/r08-finish-gap.json --format json
  turnloom audit --junit junit.xml")]
    Audit(Audit),
    /// begin a scenario: a file with comments that runs as it is
    #[command(after_help = "\
Examples:
  turnloom new two-stops                   scenarios/two-stops.json, a first scenario
  turnloom new two-stops --from R26        the scenario of a row of the race catalogue
  turnloom new seen --from session.jsonl   what was seen in a session, as its transcript tells it
  turnloom new drafts/two-stops            another folder")]
    New(New),
    /// lay scenario files out: short objects on one line, one step a line, comments where they were
    #[command(after_help = "\
Examples:
  turnloom fmt                             every scenario in scenarios/
  turnloom fmt scenarios/r08-finish-gap.json
  turnloom fmt --check                     write nothing; exit code 1 and the difference if a file is not laid out")]
    Fmt(Fmt),
    /// say all that is wrong with scenario files, without running them
    #[command(after_help = "\
Examples:
  turnloom lint scenarios/r08-finish-gap.json")]
    Lint(Lint),
    /// print the JSON Schema of the scenario file
    #[command(after_help = "\
Examples:
  turnloom schema > scenarios/schema.json")]
    Schema,
    /// print what a shell needs to complete the command line
    #[command(after_help = "\
Examples:
  turnloom completions bash > ~/.local/share/bash-completion/completions/turnloom
  turnloom completions zsh > ~/.zfunc/_turnloom
  turnloom completions fish > ~/.config/fish/completions/turnloom.fish")]
    Completions(Completions),
    /// say what a rule, a profile, a defect, a decision, a revision or an environment variable is
    #[command(after_help = "\
Examples:
  turnloom explain                 every name
  turnloom explain rules           the names of one kind: rules, profiles, defects, decisions, revisions, variables
  turnloom explain finish-gap      one of them
  turnloom explain R08             a row of the race catalogue")]
    Explain(Explain),
    /// play the scripted server for a real client: ACP on stdin and stdout, an LLM over HTTP
    #[command(after_help = "\
Examples:
  turnloom serve scenarios/r08-finish-gap.json --transcript session.jsonl
  turnloom serve scenarios/r17-fifo-skip.json --control 127.0.0.1:0
  turnloom serve scenarios/r35-cancel-token-cleared.json --llm 127.0.0.1:0 --control 127.0.0.1:0

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
    /// run only this part of the scenarios, `2/3` the second of three; the parts are of about the same size
    /// [default: what Bazel or Kubernetes says]
    #[arg(long, value_name = "I/N", conflicts_with = "shards")]
    shard: Option<Shard>,
    /// how many parts there are, where JOB_COMPLETION_INDEX says which of them this is
    #[arg(long, value_name = "N")]
    shards: Option<NonZero<u32>>,
    #[command(flatten)]
    outputs: Outputs,
    #[command(flatten)]
    shape: Shape,
}

#[derive(Args)]
struct Merge {
    /// the reports of the shards, in any order
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    outputs: Outputs,
    /// for people or for programs
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
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
    #[arg(long, conflicts_with_all = ["engine", "preemptions", "stats", "html", "markdown"])]
    shrink: bool,
    /// instead of all outcomes, tell which waits would settle an order that the scenario leaves open
    #[arg(long, conflicts_with_all = ["shrink", "stats", "html", "markdown"])]
    suggest: bool,
    #[command(flatten)]
    on: Subject,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    engine: Engine,
    #[command(flatten)]
    jobs: Jobs,
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
    /// run it so many times, and tell whether each execution was the same
    #[arg(long, value_name = "N", default_value_t = NonZero::<u32>::MIN)]
    times: NonZero<u32>,
    #[command(flatten)]
    on: Subject,
    #[command(flatten)]
    reading: Reading,
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
    /// also write a JUnit report to this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// for people or for programs
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(Args, Clone, Copy)]
struct Jobs {
    /// cores to use, for scenarios at a time and for the complete search of one that is left, with a bound or without;
    /// the report is the same for any number. A sample, a budget of schedules and loom take one core a scenario
    /// [default: every core]
    #[arg(long, value_name = "N", default_value_t = jobs::cores(), hide_default_value = true)]
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
    /// play the LLM of the scenario over HTTP, in OpenAI's chat-completions protocol, at this loopback address; port 0
    /// takes any
    #[arg(long, value_name = "HOST:PORT")]
    llm: Option<String>,
    /// let `--llm` be an address that others than this machine can reach; it asks nobody for a key
    #[arg(long, requires = "llm")]
    llm_for_all: bool,
    /// write the addresses of the ports and the token of the control port to this file instead of stderr
    #[arg(long, value_name = "FILE")]
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
    /// the rules that are held against it, with those of the profiles before
    #[arg(long, value_enum, default_value = "acp-v1-must")]
    profile: crate::rules::Profile,
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
struct New {
    /// the scenario's name, for a file in `scenarios/`, or a path
    #[arg(value_name = "NAME")]
    name: String,
    /// begin as the scenario of this row of the race catalogue, of this defect, or of the session whose transcript this is
    /// (a name with a `.` or a `/` in it is a path)
    #[arg(long, value_name = "ROW|TRANSCRIPT")]
    from: Option<String>,
}

#[derive(Args)]
struct Fmt {
    /// scenario files, or folders of them
    #[arg(value_name = "PATH", default_value = "scenarios/")]
    paths: Vec<PathBuf>,
    /// write nothing, and say what would be
    #[arg(long)]
    check: bool,
}

#[derive(Args)]
struct Completions {
    /// the shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: clap_complete::Shell,
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
    /// a name, a row of the race catalogue, or a kind: rules, profiles, defects, decisions, revisions, variables
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
        Command::Merge(arguments) => merge::run(&mut console, &arguments),
        Command::Explore(arguments) => explore::run(&mut console, &arguments),
        Command::Replay(arguments) => replay::run(&mut console, &arguments),
        Command::Audit(arguments) => audit::run(&mut console, &arguments),
        Command::Lint(arguments) => lint::run(&mut console, &arguments),
        Command::Schema => lint::schema(&mut console),
        Command::New(arguments) => new::run(&mut console, &arguments),
        Command::Fmt(arguments) => fmt::run(&mut console, &arguments),
        Command::Completions(arguments) => completions::run(&mut console, arguments.shell),
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

    use super::Cli;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }
}
