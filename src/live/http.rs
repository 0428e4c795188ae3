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
pub(super) struct Head {
    /// The request, as yet without its body.
    pub(super) request: Request,
    length: Option<usize>,
    /// Whether the client waits for a word before it sends the body.
    expects: bool,
    /// How many bytes the head has.
    bytes: usize,
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
        let head = self.head(stream).await?;
        self.body(stream, head).await
    }

    /// Reads the head of the next request; the body is still to be read.
    pub(super) async fn head(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<Head, Refused> {
        loop {
            if let Some(found) = head(&self.bytes)? {
                return Ok(found);
            }
            if self.bytes.len() > LONGEST_HEAD {
                return Err(Refused::With(431, "the head of the request is too long"));
            }
            if self.read_ahead(stream).await? == 0 {
                return Err(Refused::Gone);
            }
        }
    }

    /// Reads the body behind a head, when there is room for it.
    pub(super) async fn body(
        &mut self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
        head: Head,
    ) -> Result<Request, Refused> {
        let Head { mut request, length, expects, bytes } = head;
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
        self.bytes.drain(..bytes);
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

/// Headers that a request has at most once: with two of them it would not be clear which one counts.
const ONCE: [&str; 4] = ["authorization", "content-length", "content-type", "host"];

/// What a head says; none if it has not come yet. The grammar is that of RFC 9112, without what it lets a server forgive:
/// what one server forgives and another reads otherwise is how requests are smuggled.
fn head(bytes: &[u8]) -> Result<Option<Head>, Refused> {
    has_whole_line_ends(bytes)?;
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length > LONGEST_HEAD => {
            return Err(Refused::With(431, "the head of the request is too long"));
        }
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Refused::With(431, "too many headers")),
        Err(httparse::Error::HeaderName) => {
            return Err(Refused::With(
                400,
                "write each header as `Name: value`, without a space before the colon",
            ));
        }
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
        bytes: length,
        ..Head::default()
    };
    let mut names: Vec<String> = Vec::new();
    for header in parsed.headers.iter() {
        let name = header.name.to_ascii_lowercase();
        let value = std::str::from_utf8(header.value).unwrap_or_default().trim();
        match name.as_str() {
            "content-length" => head.length = Some(body_length(value)?),
            "host" if !is_host(header.value) => {
                return Err(Refused::With(400, "`Host` must be a name or an address, maybe with a port"));
            }
            "authorization" => head.request.token = bearer(value),
            "connection" => head.request.last |= in_list(value, "close"),
            "expect" => head.expects |= in_list(value, "100-continue"),
            _ => {}
        }
        names.push(name);
    }
    is_consistent(&names)?;
    Ok(Some(head))
}

/// Whether the headers of these names can stand in one request.
fn is_consistent(names: &[String]) -> Result<(), Refused> {
    let count = |name: &str| names.iter().filter(|known| *known == name).count();
    if count("host") == 0 {
        return Err(Refused::With(400, "send the header `Host`"));
    }
    if ONCE.iter().any(|name| count(name) > 1) {
        let why = "send `Authorization`, `Content-Length`, `Content-Type` and `Host` at most once each";
        return Err(Refused::With(400, why));
    }
    match (count("transfer-encoding"), count("content-length")) {
        (0, _) => Ok(()),
        (_, 0) => Err(Refused::With(411, "send the body with a length")),
        _ => Err(Refused::With(400, "send the body with a length or in chunks, not both")),
    }
}

/// Lines end with CR LF: neither comes alone in as much of the head as is there.
fn has_whole_line_ends(bytes: &[u8]) -> Result<(), Refused> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(bytes.len(), |end| end + 4);
    let head = &bytes[..end];
    let is_whole = head.iter().enumerate().all(|(at, byte)| match byte {
        b'\r' => head.get(at + 1).is_none_or(|next| *next == b'\n'),
        b'\n' => at > 0 && head[at - 1] == b'\r',
        _ => true,
    });
    if is_whole { Ok(()) } else { Err(Refused::With(400, "end each line of the head with CR LF")) }
}

fn body_length(value: &str) -> Result<usize, Refused> {
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refused::With(400, "write `Content-Length` with digits alone, and once"));
    }
    // What is too large for a number is too long for a body.
    Ok(value.parse().unwrap_or(usize::MAX))
}

/// Whether this is the host of an authority, with a port or without.
fn is_host(value: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=:[]".contains(byte);
    value.iter().all(is_plain)
}

fn bearer(value: &str) -> Option<String> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start().to_owned())
}

/// Whether a list of words holds this one.
fn in_list(value: &str, wanted: &str) -> bool {
    value.split(',').any(|word| word.trim().eq_ignore_ascii_case(wanted))
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
        let bytes =
            b"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nAuthorization: Bearer t\r\n\r\n{}";
        for cut in 1..bytes.len() {
            let request = request(&[&bytes[..cut], &bytes[cut..]]).expect("it is whole");
            assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/a"), "cut at {cut}");
            assert_eq!((request.token.as_deref(), &*request.body), (Some("t"), &b"{}"[..]));
        }
    }

    #[test]
    fn requests_may_come_before_they_are_wanted() {
        let two =
            b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}GET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
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
            .read(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            .write(b"HTTP/1.1 100 Continue\r\n\r\n")
            .read(b"{}")
            .build();
        assert_eq!(tokio_test::block_on(requests().next(&mut stream)).unwrap().body, b"{}");
    }

    #[test]
    fn a_body_waits_until_there_is_room_for_it() {
        let room = Arc::new(Semaphore::new(1));
        let bytes = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
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
        assert_eq!(status(&[b"GET / HTTP/1.0\r\n\r\n"]), 505);
        let with = |headers: &str| status(&[format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n").as_bytes()]);
        assert_eq!(with("Host: x\r\nContent-Length: 101"), 413);
        assert_eq!(with("Host: x\r\nContent-Length: 99999999999999999999999"), 413);
        assert_eq!(with("Host: x\r\nTransfer-Encoding: chunked"), 411);
        assert_eq!(status(&[b"POST /chat/completions HTTP/1.1\r\nHost: x\r\n\r\n{}"]), 411);
        assert_eq!(status(&[b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n{}"]), 0);
        let long = [b"GET / HTTP/1.1\r\nA: ".as_slice(), &[b'a'; LONGEST_HEAD]].concat();
        assert_eq!(status(&[&long]), 431);
        assert_eq!(status(&[&[&*long, b"\r\n\r\n"].concat()]), 431);
        assert_eq!(with(&"A: a\r\n".repeat(65)), 431);
    }

    #[test]
    fn what_two_servers_could_read_in_two_ways_is_refused() {
        for headers in [
            "",
            "A: a",
            "Host: x\r\nHost: x",
            "Host: x\r\nhost: y",
            "Host: x y",
            "Host: x, y",
            "Host: x/y",
            "Host: x@y",
            "Host: x\r\nContent-Length: x",
            "Host: x\r\nContent-Length:",
            "Host: x\r\nContent-Length: +59",
            "Host: x\r\nContent-Length: -1",
            "Host: x\r\nContent-Length: 0x10",
            "Host: x\r\nContent-Length: 1.0",
            "Host: x\r\nContent-Length: 1 2",
            "Host: x\r\nContent-Length: 1, 1",
            "Host: x\r\nContent-Length: 1\r\nContent-Length: 1",
            "Host: x\r\nContent-Length: 1\r\nContent-Length: 2",
            "Host: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
            "Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1",
            "Host: x\r\nTransfer-Encoding: identity\r\nContent-Length: 1",
            "Host: x\r\nAuthorization: Bearer t\r\nAuthorization: Bearer t",
            "Host: x\r\nauthorization: Bearer t\r\nAuthorization: Basic u",
            "Host: x\r\nContent-Type: a/b\r\nContent-Type: a/b",
            "Host : x",
            "Host: x\r\nContent-Length : 1",
            "Host: x\r\nContent-Length\t: 1",
            "Host: x\r\n Content-Length: 1",
            "Host: x\r\nA: a\r\n b",
            "Host: x\rContent-Length: 1",
            "Host: x\nContent-Length: 1",
            "Host: x\r\nA: a\rb",
            "Host: x\r\nA: a\0b",
            "Host: x\r\n: a",
            "Host: x\r\nA",
        ] {
            let bytes = format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n");
            match request(&[bytes.as_bytes()]) {
                Err(Refused::With(400, _)) => {}
                other => panic!("{headers:?}: {other:?}"),
            }
        }
        for line in [
            "GET  / HTTP/1.1",
            "GET / HTTP/1.1 ",
            "GET /a b HTTP/1.1",
            "G\rET / HTTP/1.1",
            "GET /\n HTTP/1.1",
        ] {
            match request(&[format!("{line}\r\nHost: x\r\n\r\n").as_bytes()]) {
                Err(Refused::With(400, _)) => {}
                other => panic!("{line:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_the_grammar_allows_is_taken() {
        for headers in [
            "Host:",
            "Host: [::1]:80",
            "Host: localhost:80\r\nAuthorization: bearer t\r\nConnection: keep-alive, Close",
            "host:x\r\ncontent-length:0",
        ] {
            let bytes = format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n");
            request(&[bytes.as_bytes()]).unwrap_or_else(|refused| panic!("{headers:?}: {refused:?}"));
        }
    }
}
