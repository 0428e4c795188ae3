//! The nearest valid name of a misspelt one.

/// Names longer than this are compared with nothing: nobody misspelt them.
const LONGEST: usize = 64;

/// The candidate that a person most likely meant, if one is near enough. Of two as near, the first.
///
/// ```
/// use turnloom::terms::nearest;
/// assert_eq!(nearest("finish-gpa", ["fifo-skip", "finish-gap"]), Some("finish-gap"));
/// assert_eq!(nearest("elephant", ["fifo-skip", "finish-gap"]), None);
/// ```
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.is_empty() || name.len() > LONGEST {
        return None;
    }
    let wanted = name.to_lowercase();
    let allowed = (wanted.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (strsim::osa_distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}
