//! A Python process under the rig: starting it, and messages to and from it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command as Process, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::modules::{BOOT, modules};
use super::protocol::{Command, Load, Message, Ready, Refused};

/// How long a process may say nothing: it runs one step of the program at most, or imports it.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long its last words are waited for once it has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How many of the last lines of its stderr are kept for messages.
const LINES: usize = 12;

/// Why a program cannot be run under the rig.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// There is no Python at this place.
    #[error("failed to find a Python in `{0}`")]
    NoPython(String),
    /// It could not be started, or ended before it said that it is ready.
    #[error("failed to start the Python of `{subject}`: {why}")]
    Failed {
        /// The subject, as it was given.
        subject: String,
        /// What happened.
        why: String,
    },
    /// The adapter, or the rig, cannot run it.
    #[error("failed to load the program: {}", .0.why)]
    Refused(Refused),
}

impl StartError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NoPython(_) => {
                "name the folder of a virtual environment, which has `bin/python`, or the file of a Python \
                                  3.12 or 3.13"
                    .to_owned()
            }
            Self::Failed { .. } => {
                "turnloom needs Python 3.12 or 3.13 with the program under test installed; nothing else \
                                    has to be in the environment"
                    .to_owned()
            }
            Self::Refused(refused) => refused.help.clone(),
        }
    }
}

/// The Python of a subject: a virtual environment, or the file of an interpreter.
///
/// # Errors
///
/// If there is none.
pub(super) fn interpreter(subject: &Path) -> Result<PathBuf, StartError> {
    let none = || StartError::NoPython(subject.display().to_string());
    if subject.is_file() {
        return Ok(subject.to_owned());
    }
    let places = ["bin/python", "Scripts/python.exe"].map(|place| subject.join(place));
    places.into_iter().find(|place| place.is_file()).ok_or_else(none)
}

/// Why a process that ran can run no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Gone {
    /// It has ended, or what it said made no sense.
    Crashed(String),
    /// It said nothing for too long.
    Silent(String),
}

/// A process under the rig. It is killed when it is dropped.
pub(super) struct Worker {
    child: Child,
    to: ChildStdin,
    from: Receiver<Vec<u8>>,
    said: Arc<Mutex<VecDeque<String>>>,
    /// Hung up when all of its stderr has been read.
    fell_silent: Receiver<()>,
}

impl Worker {
    /// Starts a process and loads a program.
    ///
    /// # Errors
    ///
    /// If there is no Python, or the program cannot be run.
    pub(super) fn start(subject: &Path, load: &Load) -> Result<(Self, Ready), StartError> {
        let failed = |why: String| StartError::Failed { subject: subject.display().to_string(), why };
        let python = interpreter(subject)?;
        let pipe = Stdio::piped;
        let mut child = Process::new(python)
            .args(["-I", "-S", "-c", BOOT])
            .stdin(pipe())
            .stdout(pipe())
            .stderr(pipe())
            .spawn()
            .map_err(|error| failed(error.kind().to_string()))?;
        let (Some(to), Some(out), Some(err)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed("it has no pipes".to_owned()));
        };
        let said = Arc::<Mutex<VecDeque<String>>>::default();
        let fell_silent = listen(err, said.clone());
        let mut worker = Self { child, to, from: lines(out), said, fell_silent };
        let in_words = |gone: Gone| match gone {
            Gone::Crashed(words) | Gone::Silent(words) => failed(words),
        };
        worker.send(&Command::Modules(&modules())).map_err(in_words)?;
        let answer = worker.load(load).map_err(in_words)?;
        Ok((worker, answer.map_err(StartError::Refused)?))
    }

    /// Loads a program, or the same one with other attributes in sight: what it says of itself, or why it cannot be run.
    pub(super) fn load(&mut self, load: &Load) -> Result<Result<Ready, Refused>, Gone> {
        self.send(&Command::Load(load))?;
        match self.receive()? {
            Message { ready: Some(ready), .. } => Ok(Ok(ready)),
            Message { refused: Some(refused), .. } => Ok(Err(refused)),
            other => Err(Gone::Crashed(format!("it answered {other:?}"))),
        }
    }

    /// Sends a message.
    pub(super) fn send(&mut self, command: &Command<'_>) -> Result<(), Gone> {
        let mut line = serde_json::to_vec(command).unwrap_or_default();
        line.push(b'\n');
        self.to.write_all(&line).and_then(|()| self.to.flush()).map_err(|_| self.ended())
    }

    /// Waits for the next message.
    pub(super) fn receive(&mut self) -> Result<Message, Gone> {
        let line = match self.from.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => {
                return Err(Gone::Silent(format!(
                    "it said nothing for {} seconds; it may be in code that turnloom does not control",
                    PATIENCE.as_secs()
                )));
            }
            Err(RecvTimeoutError::Disconnected) => return Err(self.ended()),
        };
        serde_json::from_slice(&line).map_err(|error| {
            Gone::Crashed(format!("what it said made no sense: {error}: {}", String::from_utf8_lossy(&line)))
        })
    }

    /// That it has ended, how, and what it said last.
    fn ended(&mut self) -> Gone {
        let how = match self.child.wait() {
            Ok(status) => status.to_string(),
            Err(error) => error.kind().to_string(),
        };
        // A process that it has left behind may hold its stderr open.
        let _ = self.fell_silent.recv_timeout(LAST_WORDS);
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let said: String = said.iter().map(|line| format!("\n    {line}")).collect();
        Gone::Crashed(format!("the Python process ended ({how}){said}"))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines that are read, as they come.
fn lines(from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut from = BufReader::with_capacity(1 << 16, from);
        loop {
            let mut line = Vec::new();
            match from.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if sender.send(line).is_err() => return,
                Ok(_) => {}
            }
        }
    });
    receiver
}

/// Keeps the last lines that are read. What is given back hangs up when there are no more.
fn listen(from: impl Read + Send + 'static, said: Arc<Mutex<VecDeque<String>>>) -> Receiver<()> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let _sender = sender;
        for line in BufReader::new(from).lines() {
            let Ok(line) = line else { return };
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            said.push_back(line);
            if said.len() > LINES {
                said.pop_front();
            }
        }
    });
    receiver
}
