//! Who fires the timers of a scenario: its clock, or the search.

use serde::{Deserialize, Serialize};

/// Who fires the timers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Firing {
    /// The scenario's clock, as its steps say. A timer that it does not fire never fires.
    #[default]
    Clock,
    /// The search: each timer fires at any moment while it is armed, none before one that is due earlier. The steps of
    /// the scenario's clock are left out.
    Race,
}
