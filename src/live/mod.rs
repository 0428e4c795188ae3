//! The scripted server for real clients: an ACP agent on a pipe, an LLM over HTTP, a control port, a transcript of
//! everything.
//!
//! Here are the sockets and the pipes; what goes over them is in `wire`, and what the server does in `mock_server`.

mod control;
pub(crate) mod http;
mod llm;
mod pipe;
mod shared_session;
mod stdio;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use crate::scenario::{AgentKind, Scenario};
use crate::wire::lines::LONGEST;
use crate::wire::session::LiveSession;
use crate::wire::transcript::{End, Transcript, TranscriptError, digest, is_of};
use shared_session::SharedSession;

/// What is served, and how.
#[derive(Debug, Clone)]
pub struct Serving {
    /// The scenario's name.
    pub name: String,
    /// The scenario.
    pub scenario: Scenario,
    /// Where everything is written down. If the file is there, the server goes on where the last process stopped.
    pub transcript: Option<PathBuf>,
    /// Where the control port listens.
    pub control: Option<SocketAddr>,
    /// Where the LLM listens. An agent that is no ACP agent needs it, for its server is the LLM.
    pub llm: Option<SocketAddr>,
    /// Whether the LLM may listen where others than this machine can reach it.
    pub llm_for_all: bool,
    /// How long nothing may happen before the result is inconclusive.
    pub watchdog: Duration,
    /// Whether entries of the transcript have times.
    pub times: bool,
}

/// Where the control port is, for whoever may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// The address.
    pub address: SocketAddr,
    /// The token that each request has to have.
    pub token: String,
}

/// What listens, for whoever may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports {
    /// The control port.
    pub control: Option<Control>,
    /// The LLM.
    pub llm: Option<SocketAddr>,
}

/// Why a scenario cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The transcript.
    #[error(transparent)]
    Transcript(#[from] TranscriptError),
    /// The control port.
    #[error("failed to listen on {0}: {error}", error = .1.kind())]
    Listen(SocketAddr, io::Error),
    /// An address that others could reach.
    #[error("failed to listen on {0}: only loopback addresses are served")]
    NotLoopback(SocketAddr),
    /// Something that every process has.
    #[error("failed to set up the server: {0}")]
    System(String),
}

/// Serves a scenario on this process's input and output, until the client, the script, the control port or the watchdog
/// ends it; without an ACP agent neither is touched, and all but the client can end it. `announce` is called once, as soon
/// as all ports listen that were asked for.
///
/// # Errors
///
/// If the transcript cannot be written or is of another scenario, or a port cannot be had.
pub fn serve(serving: &Serving, announce: impl FnOnce(&Ports)) -> Result<End, ServeError> {
    let system = |error: io::Error| ServeError::System(error.kind().to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(system)?;
    let tasks = tokio::task::LocalSet::new();
    let end = tasks.block_on(&runtime, async {
        if serving.scenario.agent.kind != AgentKind::Acp {
            return serve_on(serving, tokio::io::empty(), tokio::io::sink(), announce).await;
        }
        let (input, output) = (stdio::input().map_err(system)?, stdio::output().map_err(system)?);
        serve_on(serving, input, output, announce).await
    });
    // A terminal may still be waited for.
    runtime.shutdown_background();
    end
}

async fn serve_on(
    serving: &Serving,
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin,
    announce: impl FnOnce(&Ports),
) -> Result<End, ServeError> {
    let shared = SharedSession::new(open_session(serving)?);
    let ports = listen(&shared, serving).await?;
    if ports.control.is_some() || ports.llm.is_some() {
        announce(&ports);
    }
    let digest = digest(&serving.scenario);
    shared.act(|session| session.begin(&serving.name, &digest, serving.times));
    let talk = async {
        let reading = async {
            pipe::read(&shared, input, LONGEST).await;
            std::future::pending::<()>().await;
        };
        if serving.scenario.agent.kind == AgentKind::Acp {
            tokio::select! {
                () = reading => {}
                () = pipe::write(&shared, output) => {}
            }
        }
        shared.until(|session| session.ended().is_some() && !session.has_replies()).await;
    };
    tokio::select! {
        biased;
        error = shared.breakdown() => return Err(error.into()),
        () = talk => {}
        () = watch(&shared, serving.watchdog) => shared.act(|session| session.end(End::Inconclusive)),
    }
    Ok(shared.look(LiveSession::ended).unwrap_or(End::ClientGone))
}

/// The session as it is before this process begins.
fn open_session(serving: &Serving) -> Result<LiveSession, TranscriptError> {
    let Some(path) = &serving.transcript else {
        return Ok(LiveSession::new(&serving.scenario, Transcript::nowhere()).without_log());
    };
    let (transcript, entries) = Transcript::open(path)?;
    if !is_of(&serving.scenario, &entries) {
        return Err(TranscriptError::OtherScenario { path: path.clone() });
    }
    let mut session = LiveSession::new(&serving.scenario, transcript).without_log();
    session.replay(&entries)?;
    Ok(session)
}

async fn listen(shared: &SharedSession, serving: &Serving) -> Result<Ports, ServeError> {
    let control = match serving.control {
        Some(address) => {
            let (listener, address) = bind(address, false).await?;
            let token = control::token().map_err(|error| ServeError::System(error.to_string()))?;
            tokio::task::spawn_local(control::serve(shared.clone(), listener, token.clone()));
            Some(Control { address, token })
        }
        None => None,
    };
    let llm = match serving.llm {
        Some(address) => {
            let (listener, address) = bind(address, serving.llm_for_all).await?;
            tokio::task::spawn_local(llm::serve(shared.clone(), listener));
            Some(address)
        }
        None => None,
    };
    Ok(Ports { control, llm })
}

async fn bind(address: SocketAddr, for_all: bool) -> Result<(TcpListener, SocketAddr), ServeError> {
    if !for_all && !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback(address));
    }
    let failed = |error| ServeError::Listen(address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Ends when nothing has happened for so long.
async fn watch(shared: &SharedSession, patience: Duration) {
    loop {
        let entries = shared.look(LiveSession::entries);
        let news = shared.until(|session| session.entries() != entries);
        if tokio::time::timeout(patience, news).await.is_err() {
            return;
        }
    }
}
