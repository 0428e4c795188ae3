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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// The defects that can be switched on.
    pub defects: Vec<&'static str>,
    /// The rules that can break.
    pub rules: Vec<&'static str>,
    /// The revisions, full sets of decisions.
    pub revisions: Vec<&'static str>,
    /// The decisions, each with the names of its alternatives.
    pub decisions: Vec<(&'static str, Vec<&'static str>)>,
}
