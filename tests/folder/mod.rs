//! A folder of one test with scenarios in it, and the binary as somebody there runs it.

use std::fs;
use std::path::PathBuf;
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

/// A folder of one test.
pub struct Folder(pub PathBuf);

impl Folder {
    /// A folder with these scenarios, by the names of their files.
    pub fn new(test: &str, scenarios: &[(&str, String)]) -> Self {
        let path = std::env::temp_dir().join(format!("turnloom-{test}-{}", std::process::id()));
        fs::create_dir_all(path.join("scenarios")).expect("a folder can be made");
        for (file, text) in scenarios {
            let file = path.join("scenarios").join(file);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder can be made");
            fs::write(file, text).expect("a file can be written");
        }
        Self(path)
    }

    /// The binary with these arguments, outside of any continuous integration.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_turnloom"));
        command.args(arguments.split_whitespace()).current_dir(&self.0);
        for variable in ["CI", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "INSTA_UPDATE", "NO_COLOR"] {
            command.env_remove(variable);
        }
        for variable in ["TEST_TOTAL_SHARDS", "TEST_SHARD_INDEX", "JOB_COMPLETION_INDEX"] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs it, with these variables besides.
    pub fn run(&self, arguments: &str, variables: &[(&str, &str)]) -> Run {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        Run::of(command.output().expect("the binary starts"))
    }

    /// The text of a file; empty if it is not there.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap_or_default()
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
