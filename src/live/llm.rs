//! The LLM's port: HTTP connections whose requests for completions go to the session, and whose answers leave in the writes
//! in which they were meant.
//!
//! On raw TCP with `httparse`, and not on a server library: that would put a head in order, finish a chunked body, close a
//! connection politely and answer a pipelined request early, and it is just these that a script wants otherwise. Whoever
//! asks is told apart by what was said, never by when: a request waits in no queue with others.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::SharedSession;
use super::http;
use super::http::{Refused, Requests};
use crate::wire::completion;
use crate::wire::lines::LONGEST;
use crate::wire::reply::{Deed, error};
use crate::wire::transcript::{Bytes, TranscriptError};

/// How many connections are talked to at once; what comes beyond them waits in the kernel.
const MOST_CONNECTIONS: usize = 1_024;
/// How much of the bodies of requests is kept at once, in KiB.
pub(super) const ROOM: usize = 64 * 1024;

/// How a connection ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Goodbye {
    /// Closed.
    Close,
    /// Reset.
    Reset,
}

/// What follows an answer.
enum Then {
    NextRequest,
    Goodbye(Goodbye),
}

/// Serves the port for ever.
pub(super) async fn serve(shared: SharedSession, listener: TcpListener) {
    let seats = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let room = Arc::new(Semaphore::new(ROOM));
    let mut connection = 0;
    loop {
        // The semaphore is never closed.
        let Ok(seat) = seats.clone().acquire_owned().await else { return };
        let Ok((mut stream, _)) = listener.accept().await else {
            // The next try may fail at once as well, and others have something to do.
            tokio::task::yield_now().await;
            continue;
        };
        connection += 1;
        let (shared, room) = (shared.clone(), room.clone());
        tokio::task::spawn_local(async move {
            // Without it the kernel would put writes together that the script has apart.
            let _ = stream.set_nodelay(true);
            if converse(&shared, &mut stream, &room, connection).await == Goodbye::Reset {
                let _ = stream.set_zero_linger();
            }
            drop(seat);
        });
    }
}

/// One connection, one request after another.
pub(super) async fn converse<S>(
    shared: &SharedSession,
    stream: &mut S,
    room: &Arc<Semaphore>,
    connection: u64,
) -> Goodbye
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut requests = Requests::new(LONGEST, room.clone());
    loop {
        let http::Request { method, path, last, body, .. } = match requests.next(stream).await {
            Ok(request) => request,
            Err(Refused::With(status, why)) => {
                shared.act(|session| session.note_http(connection, refused(status, why), None));
                let _ = http::answer(stream, status, "application/json", &line(&error(why, status))).await;
                return Goodbye::Close;
            }
            Err(Refused::Gone) => return Goodbye::Close,
        };
        let then = match (method.as_str(), endpoint(&path)) {
            ("POST", Some("chat/completions")) => {
                complete(shared, stream, &mut requests, connection, body).await
            }
            ("GET", Some("models")) => tell(stream, 200, &models()).await,
            (_, known) => {
                let (status, why) = match known {
                    Some(_) => (405, "this path takes another method"),
                    None => (404, "there are POST /v1/chat/completions and GET /v1/models"),
                };
                shared.act(|session| session.note_http(connection, refused(status, why), None));
                tell(stream, status, &error(why, status)).await
            }
        };
        match then {
            Then::NextRequest if !last => {}
            Then::NextRequest => return Goodbye::Close,
            Then::Goodbye(goodbye) => return goodbye,
        }
    }
}

/// What a path asks for, with the version of the protocol or without.
fn endpoint(path: &str) -> Option<&'static str> {
    match path.strip_prefix("/v1").unwrap_or(path) {
        "/chat/completions" => Some("chat/completions"),
        "/models" => Some("models"),
        _ => None,
    }
}

fn models() -> Value {
    let model = json!({ "id": "turnloom", "object": "model", "created": 0, "owned_by": "turnloom" });
    json!({ "object": "list", "data": [model] })
}

fn refused(status: u16, why: &str) -> String {
    format!("refused {status}: {why}")
}

fn line(value: &Value) -> Vec<u8> {
    format!("{value}\n").into_bytes()
}

async fn tell(stream: &mut (impl AsyncWrite + Unpin), status: u16, value: &Value) -> Then {
    let whole = http::whole(status, "application/json", "", &line(value));
    match stream.write_all(&whole).await {
        Ok(()) => Then::NextRequest,
        Err(_) => Then::Goodbye(Goodbye::Close),
    }
}

/// Asks the script for a completion and writes what it answers.
async fn complete<S>(
    shared: &SharedSession,
    stream: &mut S,
    requests: &mut Requests,
    connection: u64,
    body: Vec<u8>,
) -> Then
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let asked = completion::json(&body).and_then(|json| completion::read(&json).map(|asked| (json, asked)));
    let (json, asked) = match asked {
        Ok(asked) => asked,
        Err(why) => {
            let bytes = Bytes::from(&*body);
            shared.act(|session| session.note_http(connection, refused(400, &why), Some(bytes)));
            requests.let_go();
            return tell(stream, 400, &error(&why, 400)).await;
        }
    };
    shared.until(|session| session.wants_completion() || session.ended().is_some()).await;
    let mut number = None;
    shared.act(|session| {
        number = session.ask(connection, &json, asked)?;
        Ok(())
    });
    drop((body, json));
    requests.let_go();
    // A server that has ended takes no further request.
    let Some(number) = number else { return Then::Goodbye(Goodbye::Close) };
    let (input, mut output) = tokio::io::split(stream);
    tokio::select! {
        biased;
        then = write(shared, &mut output, number) => then,
        never = listen(shared, input, requests, number) => match never {},
    }
}

/// Reads ahead, within bounds, to hear when the client hangs up.
async fn listen<S: AsyncRead>(
    shared: &SharedSession,
    mut input: ReadHalf<S>,
    requests: &mut Requests,
    number: u64,
) -> std::convert::Infallible {
    while !requests.is_full() {
        if matches!(requests.read_ahead(&mut input).await, Ok(0) | Err(_)) {
            shared.act(|session| session.hung_up(number));
            break;
        }
    }
    std::future::pending().await
}

/// Writes the answer to a request, until it is complete, or nobody reads or writes it any more.
async fn write(shared: &SharedSession, output: &mut (impl AsyncWrite + Unpin), number: u64) -> Then {
    let mut open = true;
    loop {
        shared.until(|session| session.has_deeds(number) || session.is_idle(number)).await;
        let Some(deed) = shared.take(|session| session.next_deed(number)) else {
            shared.act(|session| session.gone(number));
            return Then::Goodbye(Goodbye::Close);
        };
        let then = match deed {
            Deed::Bytes(bytes) if open => {
                let written = async {
                    output.write_all(&bytes).await?;
                    output.flush().await
                };
                match written.await {
                    Ok(()) => None,
                    Err(_) => {
                        shared.act(|session| -> Result<(), TranscriptError> {
                            session.hung_up(number)?;
                            session.gone(number)
                        });
                        Some(Then::Goodbye(Goodbye::Close))
                    }
                }
            }
            Deed::Bytes(_) => None,
            Deed::CloseOutput => {
                open = false;
                // If the client has gone, there is nothing left to close.
                let _ = output.shutdown().await;
                None
            }
            Deed::End if open => Some(Then::NextRequest),
            Deed::End | Deed::HangUp => Some(Then::Goodbye(Goodbye::Close)),
            Deed::Reset => Some(Then::Goodbye(Goodbye::Reset)),
            Deed::Exit(code) => {
                shared.act(|session| session.end(crate::wire::transcript::End::Exit(code)));
                Some(Then::Goodbye(Goodbye::Close))
            }
        };
        shared.take(crate::wire::session::LiveSession::deed_done);
        if let Some(then) = then {
            return then;
        }
    }
}

#[cfg(test)]
mod tests;
