//! The two ends of the pipe: what is read, when it may be; what is written, in the writes in which it was meant.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::shared_session::SharedSession;
use crate::wire::acp::Write;
use crate::wire::lines::Lines;
use crate::wire::transcript::End;

/// How much is read at once.
const CHUNK: usize = 64 * 1024;

/// Reads until the input ends. While the script does not read, not a byte is taken from the pipe.
pub(super) async fn read(shared: &SharedSession, mut input: impl AsyncRead + Unpin, longest: usize) {
    let mut lines = Lines::new(longest);
    let mut chunk = vec![0; CHUNK];
    loop {
        shared.until(|session| session.wants_input() || session.ended().is_some()).await;
        if shared.look(|session| session.ended().is_some()) {
            return;
        }
        if let Some(line) = lines.next() {
            shared.act(|session| session.read(line));
            continue;
        }
        let read = tokio::select! {
            read = input.read(&mut chunk) => read,
            () = shared.until(|session| !session.wants_input()) => continue,
        };
        match read {
            Ok(0) | Err(_) => {
                let rest = lines.rest();
                shared.act(|session| session.input_ended(rest));
                return;
            }
            Ok(length) => lines.push(&chunk[..length]),
        }
    }
}

/// Writes what there is to write, until the process has ended and all of it has left.
pub(super) async fn write(shared: &SharedSession, output: impl AsyncWrite + Unpin) {
    let mut output = Some(output);
    loop {
        shared.until(|session| session.has_output() || session.ended().is_some()).await;
        let Some(write) = shared.take(crate::wire::session::LiveSession::next_write) else { return };
        match (write, &mut output) {
            (Write::Bytes(bytes), Some(open)) => {
                let written = async {
                    open.write_all(&bytes).await?;
                    open.flush().await
                };
                if written.await.is_err() {
                    shared.act(|session| session.end(End::ClientGone));
                    return;
                }
            }
            (Write::Bytes(_), None) => {}
            (Write::Close, open) => {
                if let Some(mut open) = open.take() {
                    // If the client has gone, there is nothing left to close.
                    let _ = open.shutdown().await;
                }
            }
            (Write::Exit(code), _) => {
                shared.act(|session| session.end(End::Exit(code)));
                return;
            }
        }
    }
}
