//! The control port: a test in any language opens gates, waits for what happens and reads the transcript, with no sleep
//! of its own. Loopback only, and only with the token that was printed at the start.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET /gates` | | every gate: `{"gates": [{"name", "open"}]}` |
//! | `POST /gates/NAME/open` | | opens it |
//! | `POST /wait` | a happening, as in a scenario | when it is the case: `{"happened": true}`; false if the server ended first |
//! | `POST /tell` | `{"status"}`, `{"event"}` or `{"actor", "call", "returned"}` | takes down what the server cannot see |
//! | `GET /log` | | the transcript |
//! | `POST /end` | | ends the server |

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::SharedSession;
use super::http;
use super::http::{Refused, Request, Requests};
use crate::scenario::{Happening, Status};
use crate::wire::transcript::{End, ToldEvent};

/// How many connections with the token are talked to at once, and how many that have not shown it yet.
const MOST_CONNECTIONS: usize = 256;

/// The longest body of a request, in bytes.
const LONGEST_BODY: usize = 64 * 1024;

const JSON: &str = "application/json";

/// A new token: 128 bits that nobody can guess.
pub(super) fn token() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The connections that have not shown the token yet, the oldest first.
#[derive(Clone, Default)]
struct Strangers {
    waiting: Rc<RefCell<VecDeque<(u64, AbortHandle)>>>,
}

impl Strangers {
    /// Lets in one more. If there are as many as may be, the oldest is closed: whoever has the token shows it at once.
    fn let_in(&self, connection: u64, task: AbortHandle) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() >= MOST_CONNECTIONS
            && let Some((_, oldest)) = waiting.pop_front()
        {
            oldest.abort();
        }
        waiting.push_back((connection, task));
    }

    /// A connection has shown the token, or is gone.
    fn leave(&self, connection: u64) {
        self.waiting.borrow_mut().retain(|(known, _)| *known != connection);
    }
}

/// Serves the port for ever. Connections without the token keep nobody out: they are counted apart from the others, keep
/// no more than the head of a request each, and give way to newer ones.
pub(super) async fn serve(shared: SharedSession, listener: TcpListener, token: String) {
    let strangers = Strangers::default();
    let port = Rc::new(Port {
        shared,
        token,
        seats: Arc::new(Semaphore::new(MOST_CONNECTIONS)),
        room: Arc::new(Semaphore::new(MOST_CONNECTIONS * LONGEST_BODY / 1024)),
    });
    for connection in 0.. {
        let Ok((stream, _)) = listener.accept().await else {
            // The next try may fail at once as well, and others have something to do.
            tokio::task::yield_now().await;
            continue;
        };
        let (port, left) = (port.clone(), strangers.clone());
        let task = tokio::task::spawn_local(async move {
            port.converse(stream, || left.leave(connection)).await;
            left.leave(connection);
        });
        strangers.let_in(connection, task.abort_handle());
        // What has come by now is read before the next connection is let in.
        tokio::task::yield_now().await;
    }
}

/// What all connections share.
struct Port {
    shared: SharedSession,
    token: String,
    /// For those who have the token.
    seats: Arc<Semaphore>,
    room: Arc<Semaphore>,
}

impl Port {
    /// One connection, which `is_known` once it has shown the token.
    async fn converse(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin, is_known: impl FnOnce()) {
        let (status, kind, body) = match self.answer(&mut stream, is_known).await {
            Ok(answer) => answer,
            Err(Refused::With(status, why)) => refusal(status, why),
            Err(Refused::Gone) => return,
        };
        // Whoever asked may have gone.
        let _ = http::answer(&mut stream, status, kind, &body).await;
    }

    async fn answer(
        &self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        is_known: impl FnOnce(),
    ) -> Result<Answer, Refused> {
        let mut requests = Requests::new(LONGEST_BODY, self.room.clone());
        let head = requests.head(stream).await?;
        let given = head.request.token.as_ref();
        if !given.is_some_and(|given| same(given.as_bytes(), self.token.as_bytes())) {
            let why = "send `Authorization: Bearer TOKEN` with the token that was printed at the start";
            return Ok(refusal(401, why));
        }
        is_known();
        let Ok(_seat) = self.seats.try_acquire() else {
            return Ok(refusal(503, "too many requests are being answered: let some of them end first"));
        };
        let request = requests.body(stream, head).await?;
        Ok(respond(&self.shared, &request).await)
    }
}

type Answer = (u16, &'static str, Vec<u8>);

fn told(status: u16, body: &Value) -> Answer {
    (status, JSON, format!("{body}\n").into_bytes())
}

fn refusal(status: u16, why: &str) -> Answer {
    told(status, &json!({ "error": why }))
}

fn done() -> Answer {
    told(200, &json!({}))
}

async fn respond(shared: &SharedSession, request: &Request) -> Answer {
    let path: Vec<&str> = request.path.split('/').skip(1).collect();
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["gates"]) => gates(shared),
        ("POST", ["gates", gate, "open"]) => open(shared, gate),
        ("POST", ["wait"]) => wait(shared, &request.body).await,
        ("POST", ["tell"]) => tell(shared, &request.body),
        ("GET", ["log"]) => log(shared),
        ("POST", ["end"]) => {
            shared.act(|session| session.end(End::Control));
            done()
        }
        (_, ["gates" | "wait" | "tell" | "log" | "end"] | ["gates", _, "open"]) => {
            refusal(405, "this path takes another method")
        }
        _ => refusal(404, "there are /gates, /gates/NAME/open, /wait, /tell, /log and /end"),
    }
}

/// Compares without telling by its time how far two tokens agree.
fn same(given: &[u8], token: &[u8]) -> bool {
    given.len() == token.len() && given.iter().zip(token).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

fn gates(shared: &SharedSession) -> Answer {
    let gates = shared.look(|session| {
        let gates = session.script().gates().map(|(name, open)| json!({ "name": name, "open": open }));
        gates.collect::<Vec<_>>()
    });
    told(200, &json!({ "gates": gates }))
}

fn has_gate(shared: &SharedSession, gate: &str) -> bool {
    shared.look(|session| session.script().gates().any(|(name, _)| name == gate))
}

fn no_gate(shared: &SharedSession, gate: &str) -> Answer {
    let names =
        shared.look(|session| session.script().gates().map(|(name, _)| name.to_owned()).collect::<Vec<_>>());
    told(404, &json!({ "error": format!("there is no gate {gate:?}"), "gates": names }))
}

fn open(shared: &SharedSession, gate: &str) -> Answer {
    if !has_gate(shared, gate) {
        return no_gate(shared, gate);
    }
    shared.act(|session| session.open_gate(gate));
    done()
}

async fn wait(shared: &SharedSession, body: &[u8]) -> Answer {
    let happening: Happening = match serde_json::from_slice(body) {
        Ok(happening) => happening,
        Err(error) => return refusal(400, &format!("the body is no happening: {error}")),
    };
    if let Happening::Gate(gate) = &happening
        && !has_gate(shared, gate)
    {
        return no_gate(shared, gate);
    }
    shared.until(|session| session.holds(&happening) || session.ended().is_some()).await;
    told(200, &json!({ "happened": shared.look(|session| session.holds(&happening)) }))
}

/// What an actor may tell.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
struct Told {
    status: Option<Status>,
    event: Option<ToldEvent>,
    actor: Option<String>,
    call: Option<String>,
    returned: Option<String>,
}

fn tell(shared: &SharedSession, body: &[u8]) -> Answer {
    let told: Told = match serde_json::from_slice(body) {
        Ok(told) => told,
        Err(error) => return refusal(400, &format!("this cannot be told: {error}")),
    };
    match told {
        Told { status, event, actor: None, call: None, returned: None }
            if status.is_some() || event.is_some() =>
        {
            shared.act(|session| session.tell(status, event));
            done()
        }
        Told {
            status: None,
            event: None,
            actor: Some(actor),
            call: Some(call),
            returned: Some(returned),
        } => {
            shared.act(|session| session.returned(actor, call, returned));
            done()
        }
        _ => {
            refusal(400, "tell a `status`, an `event`, or an `actor` with its `call` and what it `returned`")
        }
    }
}

fn log(shared: &SharedSession) -> Answer {
    match shared.look(crate::wire::session::LiveSession::log) {
        Some(Ok(text)) => (200, "application/x-ndjson", text),
        Some(Err(error)) => refusal(500, &format!("failed to read the transcript: {}", error.kind())),
        None => refusal(404, "no transcript is written: start the server with --transcript FILE"),
    }
}
