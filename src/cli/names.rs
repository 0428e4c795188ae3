//! Names on the command line: whether a defect or a revision exists, and which one was meant.

use crate::subject::model::{DEFECTS, REVISIONS};
use crate::terms::nearest;

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
    use super::wrong;

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
