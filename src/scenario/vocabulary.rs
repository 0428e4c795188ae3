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
    /// Reads a token; without it, tokens are taken as they are.
    pub read_token: Option<ReadToken>,
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
