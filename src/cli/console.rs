//! Where a command writes, and all it may know of its surroundings: the two streams, whether they are terminals, and
//! the environment.
//!
//! A reader that went away (`turnloom check | head`) ends the writing, never the run: the exit code still says what
//! was found.

use std::io::{self, IsTerminal, Write};

use super::environment::Environment;
use super::exit::Exit;
use crate::explore::ExploreError;
use crate::report::words;

/// The streams of a command and what is known of its surroundings.
pub(super) struct Console {
    out: Stream,
    err: Stream,
    /// Whether what goes to stdout may be coloured.
    pub(super) colour: bool,
    /// Whether what goes to stderr may be coloured.
    pub(super) colour_err: bool,
    /// Whether a progress bar would be seen.
    pub(super) progress: bool,
    /// What the variables of the environment say.
    pub(super) environment: Environment,
}

struct Stream {
    to: Box<dyn Write>,
    failed: Option<io::Error>,
}

impl Stream {
    fn write(&mut self, text: &str) {
        if self.failed.is_none() {
            self.failed = self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush()).err();
        }
    }
}

impl Console {
    /// The console of this process.
    pub(super) fn new() -> Self {
        let environment = Environment::of_process();
        let may_colour = environment.colour;
        Self {
            out: Stream { to: Box::new(io::stdout()), failed: None },
            err: Stream { to: Box::new(io::stderr()), failed: None },
            colour: may_colour && io::stdout().is_terminal(),
            colour_err: may_colour && io::stderr().is_terminal(),
            progress: io::stderr().is_terminal(),
            environment,
        }
    }

    /// A console without a terminal whose streams go to these places.
    #[cfg(test)]
    pub(super) fn of_test(out: Box<dyn Write>, err: Box<dyn Write>) -> Self {
        let stream = |to| Stream { to, failed: None };
        let environment = Environment::of(|_| None);
        Self {
            out: stream(out),
            err: stream(err),
            colour: false,
            colour_err: false,
            progress: false,
            environment,
        }
    }

    /// Writes to stdout.
    pub(super) fn out(&mut self, text: &str) {
        self.out.write(text);
    }

    /// Writes to stderr.
    pub(super) fn err(&mut self, text: &str) {
        self.err.write(text);
    }

    /// Says on stderr what failed, a fragment that begins with `failed to`, and what may help.
    pub(super) fn fail(&mut self, what: &str, help: &str) {
        let help = if help.is_empty() { String::new() } else { format!("  help: {help}\n") };
        self.err(&format!("error: {what}\n{help}"));
    }

    /// Says that the command was used in a way that means nothing.
    pub(super) fn refuse(&mut self, what: &str, help: &str) -> Exit {
        self.fail(what, help);
        Exit::Bad
    }

    /// Says why a scenario could not be run at all.
    pub(super) fn could_not_run(&mut self, error: &ExploreError) -> Exit {
        let what = match error {
            ExploreError::Decision(unknown) => format!("failed to explore: {unknown}"),
            error => words::plain(&error.to_string()),
        };
        self.fail(&what, "");
        Exit::of_error(error)
    }

    /// How the command ends: as it would, unless what it had to say could not be written.
    pub(super) fn close(mut self, exit: Exit) -> Exit {
        match self.out.failed.take() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                self.fail(&format!("failed to write to stdout: {}", error.kind()), "");
                Exit::Bad
            }
            _ => exit,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use super::Console;
    use crate::cli::exit::Exit;

    /// A stream that always fails in one way.
    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn closed(kind: io::ErrorKind) -> Exit {
        let mut console = Console::of_test(Box::new(Failing(kind)), Box::new(Failing(kind)));
        console.out("a line\n");
        console.out("a line\n");
        console.close(Exit::Findings)
    }

    #[test]
    fn a_reader_that_went_away_changes_no_exit_code() {
        assert_eq!(closed(io::ErrorKind::BrokenPipe), Exit::Findings);
    }

    #[test]
    fn a_full_disk_does() {
        assert_eq!(closed(io::ErrorKind::StorageFull), Exit::Bad);
    }
}
