//! As much of HTTP/1.1 as a test's client needs: one request and one answer a connection, all of it bounded. Bytes are
//! written by hand, since a server library would mend what a script wants broken.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest head of a request, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// The longest body of a request, in bytes.
const LONGEST_BODY: usize = 64 * 1024;
/// The most headers of a request.
const MOST_HEADERS: usize = 64;

/// A request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    /// What stands behind `Authorization: Bearer`.
    pub(super) token: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Why there is no request.
#[derive(Debug)]
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

/// Reads a request.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Request, Refused> {
    let mut bytes = Vec::new();
    let (mut request, head, length) = loop {
        if let Some(found) = head(&bytes)? {
            break found;
        }
        if bytes.len() > LONGEST_HEAD {
            return Err(Refused::With(431, "the head of the request is too long"));
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(Refused::Gone);
        }
    };
    if length > LONGEST_BODY {
        return Err(Refused::With(413, "the body of the request is too long"));
    }
    let mut body = bytes.split_off(head);
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(Refused::Gone);
        }
    }
    body.truncate(length);
    request.body = body;
    Ok(request)
}

/// The request without its body, the length of its head and that of its body; none if the head has not come yet.
fn head(bytes: &[u8]) -> Result<Option<(Request, usize, usize)>, Refused> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let head = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Refused::With(431, "too many headers")),
        Err(_) => return Err(Refused::With(400, "this is no HTTP/1.1")),
    };
    let mut request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: parsed.path.unwrap_or_default().to_owned(),
        ..Request::default()
    };
    let mut length = 0;
    for header in parsed.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or_default().trim();
        match header.name.to_ascii_lowercase().as_str() {
            "content-length" => {
                length =
                    value.parse().map_err(|_| Refused::With(400, "the length of the body is no number"))?;
            }
            "transfer-encoding" => return Err(Refused::With(411, "send the body with a length")),
            "authorization" => request.token = value.strip_prefix("Bearer ").map(str::to_owned),
            _ => {}
        }
    }
    Ok(Some((request, head, length)))
}

/// Writes an answer and closes the connection.
pub(super) async fn answer(
    stream: &mut (impl AsyncWrite + Unpin),
    status: u16,
    kind: &str,
    body: &[u8],
) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} {}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        reason(status),
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await?;
    stream.shutdown().await
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        411 => "Length Required",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        _ => "Error",
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::io::Builder;

    use super::*;

    fn request(parts: &[&[u8]]) -> Result<Request, Refused> {
        let mut stream = Builder::new();
        for part in parts {
            stream.read(part);
        }
        tokio_test::block_on(read(&mut stream.build()))
    }

    #[test]
    fn a_request_may_come_in_any_pieces() {
        let bytes = b"POST /a HTTP/1.1\r\nContent-Length: 2\r\nAuthorization: Bearer t\r\n\r\n{}";
        for cut in 1..bytes.len() {
            let request = request(&[&bytes[..cut], &bytes[cut..]]).expect("it is whole");
            assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/a"), "cut at {cut}");
            assert_eq!((request.token.as_deref(), &*request.body), (Some("t"), &b"{}"[..]));
        }
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
        assert_eq!(status(&[b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"]), 413);
        assert_eq!(status(&[b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"]), 411);
        assert_eq!(status(&[b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n{}"]), 0);
        let long = [b"GET / HTTP/1.1\r\nA: ".as_slice(), &[b'a'; LONGEST_HEAD]].concat();
        assert_eq!(status(&[&long]), 431);
    }
}
