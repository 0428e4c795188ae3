//! The exit codes: what each means, which of two counts, and which one an exploration or an error leads to.

use crate::explore::{Exploration, ExploreError, Verdict};
use crate::report::is_finding;

/// How a command ends, from well to worst; the number is the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// All went well.
    Clean = 0,
    /// Not all was run.
    Incomplete = 3,
    /// A rule broke, or a snapshot differs.
    Findings = 1,
    /// The input or the usage is wrong.
    Bad = 2,
}

impl Exit {
    /// The worse of the two.
    pub(super) fn or(self, other: Self) -> Self {
        let order = [Self::Clean, Self::Incomplete, Self::Findings, Self::Bad];
        let place = |exit| order.iter().position(|known| *known == exit);
        if place(other) > place(self) { other } else { self }
    }

    /// The end that this exit code is.
    pub(super) fn of(code: u8) -> Self {
        let all = [Self::Clean, Self::Incomplete, Self::Findings];
        all.into_iter().find(|exit| *exit as u8 == code).unwrap_or(Self::Bad)
    }

    /// What an exploration says.
    pub(super) fn of_exploration(exploration: &Exploration) -> Self {
        if is_finding(exploration) {
            Self::Findings
        } else if let Verdict::Incomplete(_) = exploration.verdict {
            Self::Incomplete
        } else {
            Self::Clean
        }
    }

    /// What it says that a scenario could not be run at all. A name that does not exist is bad input. After any other
    /// error nothing is known of the scenario, so the run is incomplete.
    pub(super) fn of_error(error: &ExploreError) -> Self {
        match error {
            ExploreError::Decision(_) | ExploreError::OnlyLive(_) => Self::Bad,
            ExploreError::Broken { .. }
            | ExploreError::Program { .. }
            | ExploreError::NotDeterministic { .. }
            | ExploreError::Limit { .. }
            | ExploreError::Child { .. } => Self::Incomplete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn findings_are_worse_than_incomplete_and_bad_input_is_worst() {
        assert_eq!(Exit::Clean.or(Exit::Incomplete), Exit::Incomplete);
        assert_eq!(Exit::Findings.or(Exit::Incomplete), Exit::Findings);
        assert_eq!(Exit::Findings.or(Exit::Bad), Exit::Bad);
        assert_eq!(Exit::Incomplete.or(Exit::Clean), Exit::Incomplete);
        let all = [Exit::Clean, Exit::Incomplete, Exit::Findings, Exit::Bad];
        assert_eq!(all.map(|exit| Exit::of(exit as u8)), all);
    }
}
