//! The environment variables that turnloom reads; no other file reads one.
//!
//! An empty variable counts as not set. An option of the command line overrules a variable, except `CI`, which nothing overrules.

use std::ffi::OsString;
use std::num::NonZero;
use std::path::PathBuf;

use super::shard::Shard;

/// One or more environment variables, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// Their names.
    pub names: &'static [&'static str],
    /// What they mean.
    pub meaning: &'static str,
    /// What overrules them; empty if nothing does.
    pub overruled_by: &'static str,
}

/// Every environment variable that turnloom reads.
pub const VARIABLES: &[Variable] = &[
    Variable {
        names: &["CI"],
        meaning: "set to anything but `false` or `0`: no snapshot is written",
        overruled_by: "",
    },
    Variable { names: &["NO_COLOR"], meaning: "set: no output is coloured", overruled_by: "" },
    Variable {
        names: &["INSTA_UPDATE"],
        meaning: "what `check` writes, as for insta: `always` (also `force`, `1`) the snapshots, `unseen` the missing \
                  ones, `new` proposals (`NAME.snap.new`), `no` nothing; `auto`, the default, proposals, but in CI and \
                  with `--format json` nothing",
        overruled_by: "`--update`; in CI `always` and `unseen` are refused",
    },
    Variable {
        names: &["GITHUB_ACTIONS"],
        meaning: "set to anything but `false` or `0`: `check` and `audit` annotate findings, on stderr",
        overruled_by: "",
    },
    Variable {
        names: &["GITHUB_STEP_SUMMARY"],
        meaning: "with `GITHUB_ACTIONS`: the file to which the job summary is added",
        overruled_by: "",
    },
    Variable {
        names: &["TEST_TOTAL_SHARDS", "TEST_SHARD_INDEX", "TEST_SHARD_STATUS_FILE"],
        meaning: "Bazel: how many shards there are, which of them to run, counted from 0, and the file to touch",
        overruled_by: "`--shard`",
    },
    Variable {
        names: &["JOB_COMPLETION_INDEX"],
        meaning: "an Indexed Job of Kubernetes: the shard to run, counted from 0; `--shards` says of how many",
        overruled_by: "`--shard`; Bazel's",
    },
];

/// What the variables say.
pub(super) struct Environment {
    /// Whether this is a continuous integration, where no snapshot is written.
    pub(super) ci: bool,
    /// Whether colour is not forbidden.
    pub(super) colour: bool,
    /// Whether GitHub reads along.
    pub(super) github: bool,
    /// The file of the job summary.
    pub(super) summary: Option<PathBuf>,
    insta_update: Option<String>,
    total_shards: Option<String>,
    shard_index: Option<String>,
    status_file: Option<PathBuf>,
    completion_index: Option<String>,
}

/// What a check writes of what it saw, if the environment says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InstaUpdate {
    /// The snapshots.
    Always,
    /// A snapshot where there is none, and else a proposal.
    Unseen,
    /// Proposals.
    New,
    /// Nothing.
    No,
}

/// Which shard this process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sharded {
    /// The shard.
    pub(super) shard: Shard,
    /// The file to touch, which tells that it was understood.
    pub(super) status_file: Option<PathBuf>,
}

/// Why the environment means nothing, and what may help.
pub(super) type Refusal = (String, &'static str);

impl Environment {
    /// That of this process.
    pub(super) fn of_process() -> Self {
        Self::of(|name| std::env::var_os(name))
    }

    /// The one in which each variable is what `get` says.
    pub(super) fn of(get: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| get(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).map(|value| value.to_string_lossy().into_owned());
        let is_on = |name: &str| set(name).is_some_and(|value| value != "false" && value != "0");
        let github = is_on("GITHUB_ACTIONS");
        Self {
            ci: is_on("CI"),
            colour: set("NO_COLOR").is_none(),
            github,
            summary: set("GITHUB_STEP_SUMMARY").filter(|_| github).map(PathBuf::from),
            insta_update: text("INSTA_UPDATE"),
            total_shards: text("TEST_TOTAL_SHARDS"),
            shard_index: text("TEST_SHARD_INDEX"),
            status_file: set("TEST_SHARD_STATUS_FILE").map(PathBuf::from),
            completion_index: text("JOB_COMPLETION_INDEX"),
        }
    }

    /// What a check is to write; none if that is left to it.
    pub(super) fn insta_update(&self) -> Result<Option<InstaUpdate>, Refusal> {
        let Some(value) = &self.insta_update else { return Ok(None) };
        let update = match value.as_str() {
            "auto" => return Ok(None),
            "always" | "force" | "1" => InstaUpdate::Always,
            "unseen" => InstaUpdate::Unseen,
            "new" => InstaUpdate::New,
            "no" => InstaUpdate::No,
            other => {
                let help = "auto, always, unseen, new and no are understood";
                return Err((format!("the variable INSTA_UPDATE is `{other}`"), help));
            }
        };
        if self.ci && matches!(update, InstaUpdate::Always | InstaUpdate::Unseen) {
            let what = format!(
                "INSTA_UPDATE is `{value}`, the variable CI is set, and in CI no snapshot is written"
            );
            return Err((what, "in CI, `new` writes proposals and `no` writes nothing"));
        }
        Ok(Some(update))
    }

    /// Which shard this is, by the command line or else by the environment; none if there are no shards.
    pub(super) fn shard(
        &self,
        flag: Option<Shard>,
        shards: Option<NonZero<u32>>,
    ) -> Result<Option<Sharded>, Refusal> {
        if let Some(shard) = flag {
            return Ok(Some(Sharded { shard, status_file: None }));
        }
        if let Some(total) = &self.total_shards {
            let index = self.shard_index.as_deref();
            let shard = counted("TEST_SHARD_INDEX", index, "TEST_TOTAL_SHARDS", total)?;
            if shards.is_some_and(|shards| shards.get() != shard.of()) {
                let what = format!("--shards is not TEST_TOTAL_SHARDS, which is {}", shard.of());
                return Err((what, "leave out --shards"));
            }
            return Ok(Some(Sharded { shard, status_file: self.status_file.clone() }));
        }
        match (&self.completion_index, shards) {
            (None, None) => Ok(None),
            (Some(index), Some(shards)) => {
                let shard = counted("JOB_COMPLETION_INDEX", Some(index), "--shards", &shards.to_string())?;
                Ok(Some(Sharded { shard, status_file: None }))
            }
            (Some(_), None) => Err((
                "the variable JOB_COMPLETION_INDEX is set, but not how many shards there are".to_owned(),
                "say `--shards N` with the completions of the Job, or `--shard 1/1` to run everything",
            )),
            (None, Some(_)) => Err((
                "--shards says how many there are, but nothing says which of them this is".to_owned(),
                "say `--shard I/N`, or set JOB_COMPLETION_INDEX, as an Indexed Job of Kubernetes does",
            )),
        }
    }
}

/// The shard of an index that counts from 0.
fn counted(index_name: &str, index: Option<&str>, total_name: &str, total: &str) -> Result<Shard, Refusal> {
    let help = "the index counts from 0 and is below the number of shards";
    let index = index.ok_or_else(|| (format!("{total_name} is set, but {index_name} is not"), help))?;
    let shard = match (index.parse::<u32>(), total.parse()) {
        (Ok(index), Ok(total)) => index.checked_add(1).and_then(|index| Shard::new(index, total)),
        _ => None,
    };
    shard.ok_or_else(|| (format!("{index_name} is `{index}` and {total_name} is `{total}`"), help))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::num::NonZero;

    use super::{Environment, InstaUpdate, Sharded, VARIABLES};
    use crate::cli::shard::Shard;

    fn environment(set: &[(&str, &str)]) -> Environment {
        Environment::of(|name| set.iter().find(|(of, _)| *of == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn every_variable_that_is_read_is_listed() {
        let read = RefCell::new(Vec::new());
        Environment::of(|name| {
            read.borrow_mut().push(name.to_owned());
            None
        });
        let mut read = read.into_inner();
        let mut listed: Vec<&str> = VARIABLES.iter().flat_map(|variable| variable.names).copied().collect();
        read.sort();
        listed.sort_unstable();
        assert_eq!(read, listed);
    }

    #[test]
    fn nothing_is_the_same_as_not_set() {
        let nothing = environment(&[("CI", ""), ("NO_COLOR", ""), ("GITHUB_ACTIONS", "")]);
        assert!(!nothing.ci && nothing.colour && !nothing.github);
        let off = environment(&[("CI", "false"), ("GITHUB_ACTIONS", "0"), ("GITHUB_STEP_SUMMARY", "s")]);
        assert!(!off.ci && !off.github && off.summary.is_none());
        let on = environment(&[("CI", "1"), ("NO_COLOR", "0"), ("GITHUB_ACTIONS", "true")]);
        assert!(on.ci && !on.colour && on.github);
    }

    #[test]
    fn insta_update_means_what_it_means_to_insta_but_ci_goes_before_it() {
        let asked = |value, ci| environment(&[("INSTA_UPDATE", value), ("CI", ci)]).insta_update();
        for (value, means) in [
            ("", None),
            ("auto", None),
            ("always", Some(InstaUpdate::Always)),
            ("force", Some(InstaUpdate::Always)),
            ("unseen", Some(InstaUpdate::Unseen)),
            ("new", Some(InstaUpdate::New)),
            ("no", Some(InstaUpdate::No)),
        ] {
            assert_eq!(asked(value, ""), Ok(means), "{value}");
        }
        assert!(asked("allways", "").is_err());
        assert!(asked("always", "true").is_err() && asked("unseen", "true").is_err());
        assert_eq!(asked("new", "true"), Ok(Some(InstaUpdate::New)));
    }

    #[test]
    fn a_shard_is_of_the_command_line_or_bazels_or_of_kubernetes() {
        let all = [
            ("TEST_TOTAL_SHARDS", "3"),
            ("TEST_SHARD_INDEX", "1"),
            ("TEST_SHARD_STATUS_FILE", "status"),
            ("JOB_COMPLETION_INDEX", "4"),
        ];
        let plain =
            |index, of| Ok(Some(Sharded { shard: Shard::new(index, of).unwrap(), status_file: None }));
        let five = NonZero::new(5);
        assert_eq!(environment(&all).shard(Shard::new(7, 7), None), plain(7, 7));
        let of_bazel = environment(&all).shard(None, None).unwrap().unwrap();
        assert_eq!((of_bazel.shard.to_string(), of_bazel.status_file), ("2/3".into(), Some("status".into())));
        assert!(environment(&all).shard(None, five).is_err());
        assert_eq!(environment(&all[3..]).shard(None, five), plain(5, 5));
        assert!(environment(&all[3..]).shard(None, None).is_err());
        assert!(environment(&all[3..]).shard(None, NonZero::new(4)).is_err());
        assert_eq!(environment(&[]).shard(None, None), Ok(None));
        assert!(environment(&[]).shard(None, five).is_err());
        assert!(environment(&all[..1]).shard(None, None).is_err());
        assert!(environment(&[all[0], ("TEST_SHARD_INDEX", "3")]).shard(None, None).is_err());
        assert!(environment(&[all[0], ("TEST_SHARD_INDEX", "-1")]).shard(None, None).is_err());
    }
}
