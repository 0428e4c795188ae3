//! The names that a scenario may use but that are not defined here. Knows none of them itself: whoever runs scenarios
//! passes them in.

/// The names of defects, rules, revisions and decisions that exist.
///
/// ```
/// use turnloom::scenario::Vocabulary;
/// let vocabulary = Vocabulary {
///     revisions: vec!["1.25.0", "fixed"],
///     decisions: vec![("first_prompt", vec!["oldest", "newest"])],
///     ..Vocabulary::default()
/// };
/// assert!(vocabulary.defects.is_empty());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Vocabulary {
    /// The defects that can be switched on.
    pub defects: Vec<&'static str>,
    /// The rules that can break.
    pub rules: Vec<&'static str>,
    /// The revisions, full sets of decisions.
    pub revisions: Vec<&'static str>,
    /// The decisions, each with the names of its alternatives.
    pub decisions: Vec<(&'static str, Vec<&'static str>)>,
    /// What each defect switches.
    pub switches: Vec<Switch>,
    /// Where each revision differs from the first alternatives: revision, decision, alternative.
    pub changes: Vec<(&'static str, &'static str, &'static str)>,
    /// What a scenario must have for a rule to be able to break in it; of rules without needs nothing is said.
    pub needs: Vec<(&'static str, &'static [Need])>,
    /// The rules of ACP that a reaction can break on purpose, each with what must hold.
    pub protocol: Vec<(&'static str, &'static str)>,
    /// Reads a token; without it, tokens are taken as they are.
    pub read_token: Option<ReadToken>,
}

/// A defect, and the alternative of the decision that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switch {
    /// The defect.
    pub defect: &'static str,
    /// The decision.
    pub decision: &'static str,
    /// The wrong alternative.
    pub alternative: &'static str,
}

/// Something that a scenario must have for a rule to be able to break in it, whatever the runtime does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The event service.
    Service,
    /// An ACP agent.
    Acp,
    /// A system suffix of the agent.
    Suffix,
    /// A tool call of the server's.
    Card,
    /// A tool that looks at its token.
    Tool,
    /// Text that the server streams.
    Chunk,
    /// A permission request of the server's.
    Permission,
    /// A tool call of an LLM's.
    ToolCall,
    /// A pause, an interrupt or a close.
    Stop,
    /// Two messages.
    TwoMessages,
}

/// Reads a token; why the text is none, if it is none.
pub type ReadToken = fn(&str) -> Result<TokenNames, String>;

/// The names in a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenNames {
    /// The scenario it belongs to.
    pub scenario: String,
    /// The revision, if it names one.
    pub revision: Option<String>,
    /// The defects that it switches on.
    pub defects: Vec<String>,
}
