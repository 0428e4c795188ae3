//! The bar that shows on a terminal how far a command is. It must not know what the command finds.

use indicatif::{ProgressBar, ProgressStyle};

use super::console::Console;

/// How far a command is; shows nothing where there is no terminal.
pub(super) struct Progress {
    bar: ProgressBar,
    name: String,
}

impl Progress {
    /// A bar for so many scenarios.
    pub(super) fn new(console: &Console, scenarios: usize) -> Self {
        let bar = if console.progress { ProgressBar::new(scenarios as u64) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}/{len} {wide_msg}") {
            bar.set_style(style);
        }
        Self { bar, name: String::new() }
    }

    /// The next scenario begins.
    pub(super) fn begin(&mut self, name: &str) {
        name.clone_into(&mut self.name);
        self.bar.set_message(self.name.clone());
    }

    /// So much of it was run.
    pub(super) fn ran(&self, executions: u64, states: u64) {
        self.bar.set_message(format!("{}: {executions} executions, {states} states", self.name));
        self.bar.tick();
    }

    /// The scenario is done.
    pub(super) fn end(&self) {
        self.bar.inc(1);
    }

    /// Writes while the bar is out of the way.
    pub(super) fn aside(&self, write: impl FnOnce()) {
        self.bar.suspend(write);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
