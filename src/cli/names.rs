//! Names on the command line: the nearest valid one, and whether a defect or a revision exists.

use crate::subject::model::{DEFECTS, REVISIONS};

/// The name a person most likely meant, if one is near enough; of two as near, the first.
pub(super) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let allowed = (wanted.chars().count() / 3).max(1);
    names
        .into_iter()
        .map(|known| (strsim::osa_distance(&wanted, &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// What is wrong with the names, and what may help; nothing if all of them exist.
pub(super) fn wrong(revision: Option<&str>, defects: &[String]) -> Option<(String, String)> {
    if let Some(name) = revision.filter(|name| REVISIONS.iter().all(|known| known.name != *name)) {
        return Some(unknown("revision", name, REVISIONS.iter().map(|known| known.name)));
    }
    let name = defects.iter().find(|name| DEFECTS.iter().all(|known| known.name != **name))?;
    Some(unknown("defect", name, DEFECTS.iter().map(|known| known.name)))
}

fn unknown<'a>(kind: &str, name: &str, names: impl Iterator<Item = &'a str>) -> (String, String) {
    let list = format!("`turnloom explain {kind}s` lists them all");
    let help = match nearest(name, names) {
        Some(near) => format!("did you mean `{near}`? {list}"),
        None => list,
    };
    (format!("unknown {kind} `{}`", name.escape_debug()), help)
}

#[cfg(test)]
mod tests {
    use super::{nearest, wrong};

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        assert_eq!(nearest("finish-gpa", ["fifo-skip", "finish-gap"]), Some("finish-gap"));
        assert_eq!(nearest("elephant", ["fifo-skip", "finish-gap"]), None);
        assert_eq!(nearest("", ["fifo-skip"]), None);
    }

    #[test]
    fn a_wrong_name_is_told_with_the_nearest_one() {
        assert_eq!(wrong(Some("fixed"), &["finish-gap".to_owned()]), None);
        let (what, help) = wrong(Some("1.25"), &[]).expect("there is no such revision");
        assert_eq!(what, "unknown revision `1.25`");
        assert_eq!(help, "`turnloom explain revisions` lists them all");
        let (what, help) = wrong(None, &["finishgap".to_owned()]).expect("there is no such defect");
        assert_eq!(what, "unknown defect `finishgap`");
        assert_eq!(help, "did you mean `finish-gap`? `turnloom explain defects` lists them all");
    }
}
