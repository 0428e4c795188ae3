//! A client of the LLM by hand: requests out, heads and chunks in, over a plain socket, so that a test sees what came and
//! how it ended.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use serde_json::{Value, json};

use super::client::Control;

/// The ports of a server.
pub struct Ports {
    pub control: Control,
    llm: String,
}

impl Ports {
    pub fn announced(line: &str) -> Self {
        let said: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let llm = said["llm"].as_str().unwrap().strip_prefix("http://").unwrap();
        Self { control: Control::announced(line), llm: llm.strip_suffix("/v1").unwrap().to_owned() }
    }

    pub fn connect(&self) -> Connection {
        Connection(BufReader::new(TcpStream::connect(&self.llm).unwrap()))
    }

    /// Asks for a completion on a connection of its own.
    pub fn ask(&self, text: &str, stream: bool) -> Connection {
        let mut connection = self.connect();
        connection.ask(text, stream);
        connection
    }
}

/// A connection to the LLM.
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    pub fn write(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    pub fn ask(&mut self, text: &str, stream: bool) {
        self.post(&json!({"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]}));
    }

    pub fn post(&mut self, body: &Value) {
        let body = body.to_string();
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.write((head + &body).as_bytes());
    }

    /// The client closes the connection: nothing comes from it, and it reads nothing.
    pub fn hang_up(self) {
        self.0.get_ref().shutdown(Shutdown::Both).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The status of the next answer, and its headers.
    pub fn head(&mut self) -> (u16, Vec<String>) {
        let status = self.line();
        let headers = std::iter::from_fn(|| Some(self.line()).filter(|line| !line.is_empty())).collect();
        (status.split(' ').nth(1).unwrap_or_else(|| panic!("{status:?}")).parse().unwrap(), headers)
    }

    /// The next answer that is not streamed: its status, its headers and its body.
    pub fn answer(&mut self) -> (u16, Vec<String>, Value) {
        let (status, headers) = self.head();
        let length = headers.iter().find_map(|header| header.strip_prefix("Content-Length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).unwrap();
        (status, headers, serde_json::from_slice(&body).unwrap())
    }

    /// The next event of a stream; none behind the last.
    pub fn event(&mut self) -> Option<String> {
        let length = usize::from_str_radix(&self.line(), 16).unwrap();
        let mut chunk = vec![0; length + 2];
        self.0.read_exact(&mut chunk).unwrap();
        let chunk = String::from_utf8(chunk).unwrap();
        let event = chunk.strip_prefix("data: ").and_then(|event| event.strip_suffix("\n\n\r\n"));
        event.map(str::to_owned)
    }

    /// The text of the next chunk.
    pub fn chunk(&mut self) -> String {
        let event: Value = serde_json::from_str(&self.event().unwrap()).unwrap();
        event["choices"][0]["delta"]["content"].as_str().unwrap_or_else(|| panic!("{event}")).to_owned()
    }

    /// Reads the head of a stream and the chunk that says who speaks.
    pub fn begins(&mut self) {
        assert_eq!(self.head().0, 200);
        assert_eq!(self.chunk(), "");
    }

    /// Reads the end of a stream.
    pub fn ends(&mut self) {
        let finish: Value = serde_json::from_str(&self.event().unwrap()).unwrap();
        assert_eq!(finish["choices"][0]["finish_reason"], "stop");
        assert_eq!(self.event().unwrap(), "[DONE]");
        assert_eq!(self.event(), None);
    }

    /// What is left until the connection ends, and how it ends.
    pub fn rest(&mut self) -> (String, Result<(), ErrorKind>) {
        let mut rest = Vec::new();
        let end = self.0.read_to_end(&mut rest).map(|_| ()).map_err(|error| error.kind());
        (String::from_utf8(rest).unwrap(), end)
    }
}
