//! A folder of one test with scenarios in it, and the binary as somebody there runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A scenario with one interleaving, in which a message with this text is prompted.
pub fn clean(text: &str) -> String {
    format!(
        r#"{{
  "version": 1,
  "title": "a message is prompted",
  "source": "tests",
  "agent": {{"kind": "acp"}},
  "actors": [{{"name": "alice", "does": [{{"send": {{"text": "{text}"}}}}, "run"]}}]
}}
"#
    )
}

/// R08 with the wrong alternative written into the file: a rule breaks in one of its outcomes.
pub fn violated() -> String {
    let r08 = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/r08-finish-gap.json");
    let text = fs::read_to_string(r08).expect("the scenario is there");
    let start = text.find(",\n  \"catches\"").expect("R08 catches a defect");
    format!("{}, \"decisions\": {{\"finish_check\": \"split\"}}}}\n", &text[..start])
}

/// The binary, run in a folder, outside of any continuous integration.
pub fn binary(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turnloom"));
    command.current_dir(folder);
    for variable in ["CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "INSTA_UPDATE", "NO_COLOR"] {
        command.env_remove(variable);
    }
    for variable in ["TEST_TOTAL_SHARDS", "TEST_SHARD_INDEX", "JOB_COMPLETION_INDEX"] {
        command.env_remove(variable);
    }
    command
}

/// A folder of one test, in which its commands run; it goes away with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    /// A folder with nothing in it.
    pub fn empty(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("turnloom-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }

    /// A folder with these files, by their paths in it.
    pub fn new(test: &str, files: &[(&str, impl AsRef<str>)]) -> Self {
        let folder = Self::empty(test);
        files.iter().for_each(|(file, text)| folder.write(file, text.as_ref()));
        folder
    }

    /// The path of a file of it, for a command that runs elsewhere.
    pub fn path(&self, file: &str) -> String {
        self.0.join(file).to_str().expect("a path in plain characters").to_owned()
    }

    /// Writes a file, with the folders above it.
    pub fn write(&self, file: &str, text: &str) {
        let file = self.0.join(file);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder can be made");
        fs::write(file, text).expect("a file can be written");
    }

    /// The text of a file; empty if it is not there.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap_or_default()
    }

    /// The names of all that is in a folder of it, in order.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.0.join(folder)).expect("the folder is there");
        let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("a plain name");
        let mut names: Vec<String> = entries.map(|entry| name(entry.expect("an entry"))).collect();
        names.sort();
        names
    }

    /// The binary with these arguments.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = binary(&self.0);
        command.args(arguments.split_whitespace());
        command
    }

    /// Runs it.
    pub fn run(&self, arguments: &str) -> Run {
        self.run_with(arguments, &[])
    }

    /// Runs it, with these variables besides.
    pub fn run_with(&self, arguments: &str, variables: &[(&str, &str)]) -> Run {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        Run::of(command.output().expect("the binary starts"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).expect("the folder is still there");
    }
}

/// How a run ended and what it said.
#[derive(Debug, PartialEq, Eq)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let code = output.status.code().expect("it ends by itself");
        Self { code, out: text(output.stdout), err: text(output.stderr) }
    }
}
