//! `turnloom serve`: the scripted server of a scenario, for a real client. Stdout belongs to the client.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use super::Serve;
use super::console::Console;
use super::files::{self, For};
use crate::live::{Control, End, Serving, serve};
use crate::scenario::AgentKind;

/// Serves the scenario; the exit code of the process.
pub(super) fn run(console: &mut Console, arguments: &Serve) -> u8 {
    let control = match arguments.control.as_deref().map(address).transpose() {
        Ok(control) => control,
        Err(why) => {
            return console.refuse(&format!("failed to serve: {why}"), "write --control 127.0.0.1:0") as u8;
        }
    };
    if arguments.watchdog.as_millis() == 0 {
        return console.refuse("failed to serve: a watchdog of no time would never let anything happen", "")
            as u8;
    }
    let Some(file) = files::load_one(console, &arguments.file, For::Client) else { return 2 };
    if file.loaded.scenario.agent.kind != AgentKind::Acp {
        let what = "failed to serve: the agent of this scenario talks to no ACP server";
        return console.refuse(what, "only scenarios with an agent of kind `acp` can be served") as u8;
    }
    let serving = Serving {
        name: file.loaded.name,
        scenario: file.loaded.scenario,
        transcript: arguments.transcript.clone(),
        control,
        watchdog: Duration::from_millis(arguments.watchdog.as_millis()),
        times: arguments.times,
    };
    let mut unannounced = None;
    let end = serve(&serving, |control| {
        unannounced = announce(console, control, arguments.announce.as_deref()).err()
    });
    if let Some(why) = unannounced {
        console.fail(&why, "");
    }
    match end {
        Ok(End::Exit(code)) => code,
        Ok(End::Inconclusive) => {
            let waited = arguments.watchdog;
            console.fail(
                &format!("inconclusive: nothing happened for {waited}"),
                "the transcript says who waits for what",
            );
            3
        }
        Ok(End::InputEnded | End::ClientGone | End::Control) => 0,
        Err(error) => console.refuse(&error.to_string(), "") as u8,
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs().ok().and_then(|mut found| found.next());
    found.ok_or_else(|| format!("`{}` is no address", text.escape_debug()))
}

/// Says where the control port is: on stderr, or in a file that only this user can read.
fn announce(console: &mut Console, control: &Control, file: Option<&Path>) -> Result<(), String> {
    let mut line = String::new();
    let _ = writeln!(line, r#"{{"control":"http://{}","token":"{}"}}"#, control.address, control.token);
    let Some(path) = file else {
        console.err(&line);
        return Ok(());
    };
    let failed = |error: std::io::Error| format!("failed to write `{}`: {}", path.display(), error.kind());
    let beside = path.with_extension("new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = options.open(&beside).map_err(failed)?;
    opened.write_all(line.as_bytes()).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}
