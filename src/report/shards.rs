//! Parts of a check, each from another machine, and the whole they make.
//!
//! A part says which of how many it is, what was to be run in all, and how; so a whole is made only of parts that
//! belong together, each once, and it is the document that one machine would have written.

use super::json::{self, CheckDocument, ShardHead};
use super::words::count;
use crate::engine::fingerprint::digest;

/// What stands for the digest of a report that is not written yet.
pub const UNSEALED: &str = "00000000000000000000000000000000";

/// The text of a document; that of a part says what its content is.
#[must_use]
pub fn text(document: &CheckDocument) -> String {
    let text = json::text(document);
    match document.shard {
        // The head comes first, and its digest is the first thing in it.
        Some(_) => text.replacen(UNSEALED, &seal(&text), 1),
        None => text,
    }
}

fn seal(text: &str) -> String {
    format!("{:032x}", digest(text))
}

/// The document that a text holds.
///
/// # Errors
///
/// In words, if the text holds none, or a part whose content is not what it was when it was written.
pub fn read(text: &str) -> Result<CheckDocument, String> {
    let document: CheckDocument = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if let Some(head) = &document.shard {
        let unsealed = text.replacen(&head.content, UNSEALED, 1);
        if seal(&unsealed) != head.content {
            return Err("its content is not what `turnloom check` wrote: a byte has changed since".to_owned());
        }
    }
    Ok(document)
}

/// Why documents are not the parts of one check.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is nothing to merge.
    #[error("there is no report")]
    Nothing,
    /// A document that is no part.
    #[error("`{0}` is the report of a whole check, not of a shard")]
    Whole(String),
    /// A part of another version.
    #[error("`{file}` was made by turnloom {made}, and this is turnloom {this}")]
    Version {
        /// The report.
        file: String,
        /// The version that made it.
        made: String,
        /// This version.
        this: String,
    },
    /// Parts of two checks.
    #[error("`{first}` and `{other}` are not of one check: {why}")]
    Mixed {
        /// The first report.
        first: String,
        /// The one that does not belong to it.
        other: String,
        /// What is different, in words.
        why: String,
    },
    /// A part that is there twice.
    #[error("shard {index}/{of} is there twice: `{first}` and `{second}`")]
    Doubled {
        /// The part.
        index: u32,
        /// How many there are.
        of: u32,
        /// A report.
        first: String,
        /// The other one.
        second: String,
    },
    /// Parts that are not there.
    #[error("of {of} shards {} missing: {}", if shards.len() == 1 { "one is" } else { "some are" }, list(shards))]
    Missing {
        /// The parts.
        shards: Vec<u32>,
        /// How many there are.
        of: u32,
    },
    /// A part that does not hold what it says.
    #[error("`{file}` is damaged: {why}")]
    Damaged {
        /// The report.
        file: String,
        /// What does not fit, in words.
        why: String,
    },
}

fn list(shards: &[u32]) -> String {
    shards.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl MergeError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Nothing => "give the reports of all shards".to_owned(),
            Self::Whole(_) => "a whole report needs no merge; leave it out".to_owned(),
            Self::Version { made, .. } => format!("run all shards and the merge with one version, {made} say"),
            Self::Mixed { .. } => {
                "run all shards on the same files with the same options, and leave out reports of other checks"
                    .to_owned()
            }
            Self::Doubled { .. } => "leave one of them out".to_owned(),
            Self::Missing { shards, of } => {
                let first = shards.first().copied().unwrap_or(1);
                format!("run `turnloom check --shard {first}/{of} --report FILE` and give its report too")
            }
            Self::Damaged { .. } => "run this shard once more".to_owned(),
        }
    }
}

/// The whole that the parts make, and whether its search was bounded. Each part comes with the name of its file.
///
/// # Errors
///
/// If a part is missing, there twice, of another check or another version, or does not hold what it says.
pub fn merge(parts: Vec<(String, CheckDocument)>) -> Result<(CheckDocument, bool), MergeError> {
    let mut known: Vec<(String, ShardHead, CheckDocument)> = Vec::new();
    for (file, mut document) in parts {
        let head = document.shard.take().ok_or_else(|| MergeError::Whole(file.clone()))?;
        is_sound(&file, &head, &document)?;
        if let Some((first, same, _)) = known.first()
            && let Some(why) = difference(same, &head)
        {
            return Err(MergeError::Mixed { first: first.clone(), other: file, why });
        }
        if let Some((first, ..)) = known.iter().find(|(_, other, _)| other.index == head.index) {
            let (first, second) = (first.clone(), file);
            return Err(MergeError::Doubled { index: head.index, of: head.of, first, second });
        }
        known.push((file, head, document));
    }
    let Some((_, head, _)) = known.first() else { return Err(MergeError::Nothing) };
    let head = head.clone();
    let is_there = |index: &u32| known.iter().any(|(_, head, _)| head.index == *index);
    let missing: Vec<u32> = (1..=head.of).filter(|index| !is_there(index)).take(MOST_TOLD).collect();
    if !missing.is_empty() {
        return Err(MergeError::Missing { shards: missing, of: head.of });
    }
    let mut checked: Vec<_> =
        known.into_iter().map(|(_, head, document)| (head.index, document.scenarios.into_iter())).collect();
    let next = |index: u32| checked.iter_mut().find(|(of, _)| *of == index).and_then(|(_, left)| left.next());
    let scenarios =
        head.scenarios.iter().map(|scenario| scenario.shard).map(next).collect::<Option<Vec<_>>>();
    // Each part was found to hold exactly what is its own.
    Ok((CheckDocument::new(scenarios.unwrap_or_default()), head.bounded))
}

/// So many missing parts are named.
const MOST_TOLD: usize = 20;

/// Whether a part is what it says.
fn is_sound(file: &str, head: &ShardHead, document: &CheckDocument) -> Result<(), MergeError> {
    let this = env!("CARGO_PKG_VERSION");
    if head.turnloom != this {
        let (file, made, this) = (file.to_owned(), head.turnloom.clone(), this.to_owned());
        return Err(MergeError::Version { file, made, this });
    }
    let damaged = |why: String| Err(MergeError::Damaged { file: file.to_owned(), why });
    let is_part = |index: u32| (1..=head.of).contains(&index);
    if !is_part(head.index) || head.scenarios.iter().any(|scenario| !is_part(scenario.shard)) {
        return damaged(format!("it has a shard that is none of 1 to {}", head.of));
    }
    let own: Vec<&str> = head
        .scenarios
        .iter()
        .filter(|scenario| scenario.shard == head.index)
        .map(|scenario| scenario.file.as_str())
        .collect();
    let there: Vec<&str> = document.scenarios.iter().map(|checked| checked.file.as_str()).collect();
    if own != there {
        let (own, there) = (count(own.len() as u64, "scenario"), count(there.len() as u64, "scenario"));
        return damaged(format!("its list gives shard {}/{} {own}, and it has {there}", head.index, head.of));
    }
    Ok(())
}

/// What is different in two parts that should be of one check.
fn difference(first: &ShardHead, other: &ShardHead) -> Option<String> {
    if first.of != other.of {
        return Some(format!("one is a shard of {}, the other a shard of {}", first.of, other.of));
    }
    if first.options != other.options {
        return Some(format!("one was run with `{}`, the other with `{}`", first.options, other.options));
    }
    let pairs = first.scenarios.iter().zip(&other.scenarios);
    let mut differ = pairs.filter(|(one, other)| one != other);
    let why = match differ.next() {
        Some((one, other)) if one.file != other.file => {
            format!("where one has `{}`, the other has `{}`", one.file, other.file)
        }
        Some((one, other)) if one.digest != other.digest => format!("`{}` was another scenario", one.file),
        Some((one, _)) => format!("`{}` is of another shard", one.file),
        None if first.scenarios.len() != other.scenarios.len() => {
            let all = |head: &ShardHead| count(head.scenarios.len() as u64, "scenario");
            format!("one is of {}, the other of {}", all(first), all(other))
        }
        None if first.bounded != other.bounded => "one search had a bound, the other had none".to_owned(),
        None => return None,
    };
    Some(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::ShardedScenario;
    use crate::report::testkit::{scenario, violated};

    /// Four scenarios in two parts.
    fn parts() -> Vec<(String, CheckDocument)> {
        let of = |name: &str, shard| ShardedScenario {
            file: format!("scenarios/{name}.json"),
            digest: name.into(),
            shard,
        };
        let part = |index, names: [&str; 2]| {
            let head = ShardHead {
                content: UNSEALED.into(),
                index,
                of: 2,
                turnloom: env!("CARGO_PKG_VERSION").into(),
                options: "--seed 0".into(),
                bounded: false,
                scenarios: vec![of("a", 2), of("b", 1), of("c", 1), of("d", 2)],
            };
            let all = names.map(|name| if name == "c" { violated(name) } else { scenario(name) });
            (format!("{index}.json"), CheckDocument { shard: Some(head), ..CheckDocument::new(all.into()) })
        };
        vec![part(1, ["b", "c"]), part(2, ["a", "d"])]
    }

    fn refused(edit: impl Fn(&mut Vec<(String, CheckDocument)>)) -> String {
        let mut parts = parts();
        edit(&mut parts);
        merge(parts).unwrap_err().to_string()
    }

    fn head(parts: &mut [(String, CheckDocument)], place: usize) -> &mut ShardHead {
        parts[place].1.shard.as_mut().unwrap()
    }

    #[test]
    fn parts_in_any_order_make_the_whole() {
        let whole = CheckDocument::new(vec![scenario("a"), scenario("b"), violated("c"), scenario("d")]);
        let mut parts = parts();
        assert_eq!(merge(parts.clone()).unwrap(), (whole.clone(), false));
        parts.reverse();
        assert_eq!(merge(parts).unwrap(), (whole, false));
    }

    #[test]
    fn a_part_whose_content_was_changed_is_no_part() {
        let (_, part) = parts().remove(0);
        let written = text(&part);
        let there = read(&written).expect("it is as it was written");
        assert_eq!(CheckDocument { shard: part.shard.clone(), ..there }, part);
        let bytes = written.as_bytes();
        for place in 0..bytes.len() {
            for byte in [bytes[place] ^ 1, b' ', b'0'] {
                let mut damaged = bytes.to_vec();
                damaged[place] = byte;
                let damaged = String::from_utf8_lossy(&damaged);
                assert!(damaged == written || read(&damaged).is_err(), "byte {place} became {byte}");
            }
            let without = [&written[..place], &written[place + 1..]].concat();
            assert!(read(&without).is_err(), "without byte {place}");
        }
    }

    #[test]
    fn parts_that_make_no_whole_are_refused_with_the_reason() {
        assert_eq!(refused(Vec::clear), "there is no report");
        assert_eq!(refused(|parts| drop(parts.remove(0))), "of 2 shards one is missing: 1");
        assert_eq!(
            refused(|parts| parts[1] = ("again.json".into(), parts[0].1.clone())),
            "shard 1/2 is there twice: `1.json` and `again.json`"
        );
        assert_eq!(
            refused(|parts| parts[1].1.shard = None),
            "`2.json` is the report of a whole check, not of a shard"
        );
        let mixed = |why: &str| format!("`1.json` and `2.json` are not of one check: {why}");
        assert_eq!(
            refused(|parts| head(parts, 1).of = 3),
            mixed("one is a shard of 2, the other a shard of 3")
        );
        assert_eq!(
            refused(|parts| head(parts, 1).options = "--seed 1".into()),
            mixed("one was run with `--seed 0`, the other with `--seed 1`")
        );
        assert_eq!(
            refused(|parts| head(parts, 1).scenarios[1].digest = "x".into()),
            mixed("`scenarios/b.json` was another scenario")
        );
        assert_eq!(
            refused(|parts| head(parts, 1).scenarios[1].file = "x.json".into()),
            mixed("where one has `scenarios/b.json`, the other has `x.json`")
        );
        assert!(refused(|parts| head(parts, 0).turnloom = "0.0.1".into()).contains("made by turnloom 0.0.1"));
        assert_eq!(
            refused(|parts| drop(parts[0].1.scenarios.pop())),
            "`1.json` is damaged: its list gives shard 1/2 2 scenarios, and it has 1 scenario"
        );
        assert_eq!(
            refused(|parts| head(parts, 0).index = 0),
            "`1.json` is damaged: it has a shard that is none of 1 to 2"
        );
    }
}
