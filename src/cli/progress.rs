//! The bar that shows on a terminal how far a command is.

use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use super::console::Console;
use crate::explore::Told;

/// How far a command is; shows nothing where there is no terminal.
pub(super) struct Progress {
    bar: ProgressBar,
}

/// How far one scenario is.
pub(super) struct Running<'p> {
    bar: &'p ProgressBar,
    name: &'p str,
    began: Instant,
}

impl Progress {
    /// A bar for so many scenarios.
    pub(super) fn new(console: &Console, scenarios: usize) -> Self {
        let bar = if console.progress { ProgressBar::new(scenarios as u64) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}/{len} {wide_msg}") {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// A scenario begins.
    pub(super) fn begin<'p>(&'p self, name: &'p str) -> Running<'p> {
        self.bar.set_message(name.to_owned());
        Running { bar: &self.bar, name, began: Instant::now() }
    }

    /// A scenario is done.
    pub(super) fn end(&self) {
        self.bar.inc(1);
    }

    /// Writes while the bar is out of the way.
    pub(super) fn aside(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }
}

impl Running<'_> {
    /// So much of it was run. What is left is estimated from the share of the space that lies behind.
    pub(super) fn ran(&self, told: Told) {
        let Told { executions, share } = told;
        let name = self.name;
        let left = share.map(|share| {
            let seconds = self.began.elapsed().as_secs_f64() * (1.0 - share) / share;
            let left = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
            format!(", about {:.0} % seen, {} left", share * 100.0, HumanDuration(left))
        });
        self.bar.set_message(format!("{name}: {executions} executions{}", left.unwrap_or_default()));
        self.bar.tick();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
