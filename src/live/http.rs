//! As much of HTTP/1.1 as a test's client needs: requests one after another on a connection, all of it bounded. Bytes are
//! written by hand, since a server library would mend what a script wants broken.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::wire::reply::reason;

/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// The most headers of a request.
const MOST_HEADERS: usize = 64;

/// A request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path, without what stands behind a question mark.
    pub(super) path: String,
    /// What stands behind `Authorization: Bearer`.
    pub(super) token: Option<String>,
    pub(super) body: Vec<u8>,
    /// Whether no further request comes on this connection.
    pub(super) last: bool,
}

/// What is known of a request when its head has come.
#[derive(Debug, Default)]
struct Head {
    request: Request,
    length: Option<usize>,
    /// Whether the client waits for a word before it sends the body.
    expects: bool,
}

/// Why there is no request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The connection ended or broke.
    Gone,
    /// It gets this answer.
    With(u16, &'static str),
}

impl From<io::Error> for Refused {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// The requests of one connection, and what was read ahead of them.
pub(super) struct Requests {
    bytes: Vec<u8>,
    longest_body: usize,
    room: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

impl Requests {
    /// None of the bodies may be longer than this. `room` is for the bodies of all connections, in KiB: one that finds
    /// no room stays with its client until others were let go.
    pub(super) fn new(longest_body: usize, room: Arc<Semaphore>) -> Self {
        Self { bytes: Vec::new(), longest_body, room, held: None }
    }

    /// The body of the last request is not needed any more.
    pub(super) fn let_go(&mut self) {
        self.held = None;
    }

    /// Reads the next request.
    pub(super) async fn next(
        &mut self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> Result<Request, Refused> {
        let (Head { mut request, length, expects }, head) = loop {
            if let Some(found) = head(&self.bytes)? {
                break found;
            }
            if self.bytes.len() > LONGEST_HEAD {
                return Err(Refused::With(431, "the head of the request is too long"));
            }
            if self.read_ahead(stream).await? == 0 {
                return Err(Refused::Gone);
            }
        };
        if length.is_none() && request.method == "POST" && request.path.ends_with("/completions") {
            return Err(Refused::With(411, "send the body with a length"));
        }
        let length = length.unwrap_or_default();
        if length > self.longest_body {
            return Err(Refused::With(413, "the body of the request is too long"));
        }
        let room = u32::try_from(length.div_ceil(1024)).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        self.held = self.room.clone().acquire_many_owned(room).await.ok();
        self.bytes.drain(..head);
        if expects && self.bytes.len() < length {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        while self.bytes.len() < length {
            if self.read_ahead(stream).await? == 0 {
                return Err(Refused::Gone);
            }
        }
        let rest = self.bytes.split_off(length);
        request.body = std::mem::replace(&mut self.bytes, rest);
        Ok(request)
    }

    /// Reads what has come; how much.
    pub(super) async fn read_ahead(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        stream.read_buf(&mut self.bytes).await
    }

    /// Whether as much was read ahead as may be.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() > LONGEST_HEAD
    }
}

/// What a head says and its length; none if it has not come yet.
fn head(bytes: &[u8]) -> Result<Option<(Head, usize)>, Refused> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length > LONGEST_HEAD => {
            return Err(Refused::With(431, "the head of the request is too long"));
        }
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Refused::With(431, "too many headers")),
        Err(_) => return Err(Refused::With(400, "this is no HTTP/1.1")),
    };
    if parsed.version != Some(1) {
        return Err(Refused::With(505, "write HTTP/1.1"));
    }
    let path = parsed.path.unwrap_or_default();
    let mut head = Head {
        request: Request {
            method: parsed.method.unwrap_or_default().to_owned(),
            path: path.split('?').next().unwrap_or_default().to_owned(),
            ..Request::default()
        },
        ..Head::default()
    };
    for header in parsed.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or_default().trim();
        match header.name.to_ascii_lowercase().as_str() {
            "content-length" => {
                let length =
                    value.parse().map_err(|_| Refused::With(400, "the length of the body is no number"))?;
                if head.length.is_some_and(|earlier| earlier != length) {
                    return Err(Refused::With(400, "the body has two lengths"));
                }
                head.length = Some(length);
            }
            "transfer-encoding" => return Err(Refused::With(411, "send the body with a length")),
            "authorization" => head.request.token = value.strip_prefix("Bearer ").map(str::to_owned),
            "connection" => head.request.last |= value.eq_ignore_ascii_case("close"),
            "expect" => head.expects |= value.eq_ignore_ascii_case("100-continue"),
            _ => {}
        }
    }
    Ok(Some((head, length)))
}

/// An answer with a whole body.
pub(super) fn whole(status: u16, kind: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n{headers}\r\n",
        reason(status),
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Writes an answer and closes the connection.
pub(super) async fn answer(
    stream: &mut (impl AsyncWrite + Unpin),
    status: u16,
    kind: &str,
    body: &[u8],
) -> io::Result<()> {
    stream.write_all(&whole(status, kind, "Connection: close\r\n", body)).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use tokio_test::io::Builder;

    use super::*;

    fn requests() -> Requests {
        Requests::new(100, Arc::new(Semaphore::new(1)))
    }

    fn request(parts: &[&[u8]]) -> Result<Request, Refused> {
        let mut stream = Builder::new();
        for part in parts {
            stream.read(part);
        }
        tokio_test::block_on(requests().next(&mut stream.build()))
    }

    #[test]
    fn a_request_may_come_in_any_pieces() {
        let bytes = b"POST /a?b HTTP/1.1\r\nContent-Length: 2\r\nAuthorization: Bearer t\r\n\r\n{}";
        for cut in 1..bytes.len() {
            let request = request(&[&bytes[..cut], &bytes[cut..]]).expect("it is whole");
            assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/a"), "cut at {cut}");
            assert_eq!((request.token.as_deref(), &*request.body), (Some("t"), &b"{}"[..]));
        }
    }

    #[test]
    fn requests_may_come_before_they_are_wanted() {
        let two =
            b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}GET /b HTTP/1.1\r\nConnection: close\r\n\r\n";
        let mut stream = Builder::new().read(two).build();
        let mut requests = requests();
        let first = tokio_test::block_on(requests.next(&mut stream)).unwrap();
        requests.let_go();
        let second = tokio_test::block_on(requests.next(&mut stream)).unwrap();
        assert_eq!((first.path.as_str(), &*first.body, first.last), ("/a", &b"{}"[..], false));
        assert_eq!((second.path.as_str(), second.last), ("/b", true));
    }

    #[test]
    fn who_asks_whether_to_go_on_is_told_so() {
        let mut stream = Builder::new()
            .read(b"POST /a HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            .write(b"HTTP/1.1 100 Continue\r\n\r\n")
            .read(b"{}")
            .build();
        assert_eq!(tokio_test::block_on(requests().next(&mut stream)).unwrap().body, b"{}");
    }

    #[test]
    fn a_body_waits_until_there_is_room_for_it() {
        let room = Arc::new(Semaphore::new(1));
        let bytes = b"POST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}";
        let (mut one, mut other) = (Requests::new(100, room.clone()), Requests::new(100, room));
        let mut stream = Builder::new().read(bytes).build();
        tokio_test::block_on(one.next(&mut stream)).unwrap();
        let mut stream = Builder::new().read(bytes).build();
        let mut second = tokio_test::task::spawn(other.next(&mut stream));
        tokio_test::assert_pending!(second.poll());
        one.let_go();
        assert_eq!(tokio_test::assert_ready!(second.poll()).unwrap().body, b"{}");
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let status = |parts: &[&[u8]]| match request(parts) {
            Err(Refused::With(status, _)) => status,
            Err(Refused::Gone) => 0,
            Ok(request) => panic!("{request:?}"),
        };
        assert_eq!(status(&[b"GET /a HT"]), 0);
        assert_eq!(status(&[b"\x00\xff\r\n\r\n"]), 400);
        assert_eq!(status(&[b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"]), 400);
        assert_eq!(status(&[b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"]), 400);
        assert_eq!(status(&[b"POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n"]), 413);
        assert_eq!(status(&[b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"]), 411);
        assert_eq!(status(&[b"POST /chat/completions HTTP/1.1\r\n\r\n{}"]), 411);
        assert_eq!(status(&[b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}"]), 0);
        assert_eq!(status(&[b"GET / HTTP/1.0\r\n\r\n"]), 505);
        let long = [b"GET / HTTP/1.1\r\nA: ".as_slice(), &[b'a'; LONGEST_HEAD]].concat();
        assert_eq!(status(&[&long]), 431);
        assert_eq!(status(&[&[&*long, b"\r\n\r\n"].concat()]), 431);
        assert_eq!(status(&[format!("GET / HTTP/1.1\r\n{}\r\n", "A: a\r\n".repeat(65)).as_bytes()]), 431);
    }
}
