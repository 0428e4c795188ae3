//! `turnloom serve`: the scripted server of a scenario, for a real client. Stdout belongs to the client of an agent.

use std::io::Write as _;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::time::Duration;

use super::Serve;
use super::console::Console;
use super::files;
use super::files::For;
use crate::live::{Ports, Serving, serve};
use crate::scenario::AgentKind;
use crate::wire::transcript::End;

/// Serves the scenario; the exit code of the process.
pub(super) fn run(console: &mut Console, arguments: &Serve) -> u8 {
    let asked = (address("control", arguments.control.as_deref()), address("llm", arguments.llm.as_deref()));
    let (control, llm) = match asked {
        (Ok(control), Ok(llm)) => (control, llm),
        (Err((why, help)), _) | (_, Err((why, help))) => return console.refuse(&why, &help) as u8,
    };
    if arguments.announce.is_some() && control.is_none() && llm.is_none() {
        let what = "failed to serve: there is no port to announce";
        return console.refuse(what, "add --control 127.0.0.1:0 or --llm 127.0.0.1:0") as u8;
    }
    if arguments.watchdog.as_millis() == 0 {
        return console.refuse("failed to serve: a watchdog of no time would never let anything happen", "")
            as u8;
    }
    let Some(file) = files::load_one(console, &arguments.file, For::Client) else { return 2 };
    let scenario = &file.loaded.scenario;
    if llm.is_none() && (scenario.agent.kind != AgentKind::Acp || !scenario.llm.is_empty()) {
        let what = "failed to serve: this scenario has an LLM, and it is to listen nowhere";
        return console.refuse(what, "add --llm 127.0.0.1:0") as u8;
    }
    let serving = Serving {
        name: file.loaded.name,
        scenario: file.loaded.scenario,
        transcript: arguments.transcript.clone(),
        control,
        llm,
        llm_for_all: arguments.llm_for_all,
        watchdog: Duration::from_millis(arguments.watchdog.as_millis()),
        times: arguments.times,
    };
    let mut unannounced = None;
    let end =
        serve(&serving, |ports| unannounced = announce(console, ports, arguments.announce.as_deref()).err());
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

/// The address that an option names, if it is there; else what is wrong with it, and what to do.
fn address(option: &str, text: Option<&str>) -> Result<Option<SocketAddr>, (String, String)> {
    let Some(text) = text else { return Ok(None) };
    let found = text.to_socket_addrs().ok().and_then(|mut found| found.next());
    let wrong = || {
        let why = format!("failed to serve: `{}` is no address", text.escape_debug());
        (why, format!("write --{option} 127.0.0.1:0"))
    };
    found.map(Some).ok_or_else(wrong)
}

/// Says where the ports are: on stderr, or in a file that only this user can read.
fn announce(console: &mut Console, ports: &Ports, file: Option<&Path>) -> Result<(), String> {
    let control = ports.control.iter().flat_map(|control| {
        [format!(r#""control":"http://{}""#, control.address), format!(r#""token":"{}""#, control.token)]
    });
    let llm = ports.llm.iter().map(|address| format!(r#""llm":"http://{address}/v1""#));
    let line = format!("{{{}}}\n", control.chain(llm).collect::<Vec<_>>().join(","));
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
