//! Writing scenarios as an author does: a new one, its layout, the schema behind the editor, and the orders it leaves open.

mod from_transcript;
mod layout;

use std::fs;
use std::path::Path;

use crate::folder::{Folder, Run, binary};
use turnloom::scenario;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Runs a command at the root of the repository.
fn at_the_root(arguments: &str) -> Run {
    let mut command = binary(Path::new(ROOT));
    Run::of(command.args(arguments.split_whitespace()).output().expect("the binary starts"))
}

/// The shipped scenarios, by name.
fn shipped() -> Vec<(String, String)> {
    files("scenarios")
}

/// The shipped fragments, by name.
fn fragments() -> Vec<(String, String)> {
    files("scenarios/fragments")
}

/// The files of a folder that are scenarios, or written like them.
fn files(folder: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).expect("the files are there");
    let files = entries.map(|entry| entry.expect("an entry").path());
    let files = files.filter(|file| scenario::is_scenario(file));
    let mut files: Vec<_> = files
        .map(|file| {
            let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(&file).expect("a readable file"))
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_new_scenario_lints_clean_and_runs() {
    let folder = Folder::empty("authoring-new");
    let made = folder.run("new two-stops");
    assert_eq!((made.code, made.err.as_str()), (0, ""));
    insta::assert_snapshot!(made.out, @r#"
scenarios/two-stops.json: written

next
  turnloom lint scenarios/two-stops.json
  turnloom explore scenarios/two-stops.json
  turnloom schema > scenarios/schema.json   so that an editor completes and checks
"#);
    insta::assert_snapshot!(folder.read("scenarios/two-stops.json"), @r#"
// A first scenario: it runs as it is.
//
// Say what is certain, with waits and gates, and leave the rest open: every order of it is run. After each change:
//   turnloom lint scenarios/two-stops.json
//   turnloom explore scenarios/two-stops.json
{
  "$schema": "schema.json",
  "version": 1,

  // What must hold, as a sentence.
  "title": "a message that is typed during an answer is prompted",

  // Where the report is: an issue, a review, a conversation.
  "source": "write down where the report is",

  // `acp`: its server talks ACP over a pipe. `llm`: a native agent. `sync`: it has only a synchronous step.
  "agent": {"kind": "acp"},

  // Points where somebody waits until somebody opens them. There are no sleeps.
  "gates": ["typed"],

  // Who does what, each on a thread of its own. What no wait orders happens in every order.
  "actors": [
    {"name": "ann", "does": [
      {"send": {"text": "first"}},
      "run"
    ]},
    {"name": "ben", "does": [
      // Until the server has read the prompt: never for a time.
      {"wait": {"frame": {"method": "session/prompt", "text": "first"}}},
      {"send": {"text": "second"}},
      {"open": "typed"}
    ]}
  ],

  // What the agent's server does on a message. A prompt without a reaction is answered `end_turn` at once.
  "server": [
    {"on": {"prompt": "first"}, "do": [
      {"say": "working"},
      // Ben's message is there before the answer. Without this line it may come at any moment.
      {"wait": {"gate": "typed"}},
      {"answer": "end_turn"}
    ]}
  ]
}
"#);
    let lint = folder.run("lint scenarios/two-stops.json");
    assert_eq!(
        (lint.code, lint.out.as_str()),
        (0, "scenarios/two-stops.json: nothing wrong\n"),
        "{}",
        lint.err
    );
    assert_eq!(folder.run("fmt --check").out, "");
    let explored = folder.run("explore scenarios/two-stops.json");
    assert_eq!(explored.code, 0);
    assert!(explored.out.starts_with("proved   two-stops   "), "{}", explored.out);
    assert_eq!(folder.names("scenarios"), ["two-stops.json"], "nothing else was written");
}

#[test]
fn a_new_scenario_begins_as_a_row_of_the_catalogue() {
    let folder = Folder::empty("authoring-from");
    for (name, text) in shipped() {
        folder.write(&format!("scenarios/{name}.json"), &text);
    }
    for (name, text) in fragments() {
        folder.write(&format!("scenarios/fragments/{name}.json"), &text);
    }
    let rows = folder.run("explain defects").out.lines().count();
    let mut begun = 0;
    for (name, text) in shipped() {
        let document: serde_json::Value =
            serde_json::from_str(&text).expect("a shipped scenario has no comments");
        for caught in document["catches"].as_array().into_iter().flatten() {
            let (row, defect) =
                (caught["row"].as_str().expect("a row"), caught["defect"].as_str().expect("a defect"));
            let from = if begun % 2 == 0 { row } else { defect };
            let file = format!("drafts/as-{name}.json");
            let made = folder.run(&format!("new {file} --from {from}"));
            assert_eq!((made.code, made.err.as_str()), (0, ""), "{row}");
            let lint = folder.run(&format!("lint {file}"));
            assert_eq!((lint.code, lint.err.as_str()), (0, ""), "{row}");
            let new = folder.read(&file);
            assert!(
                new.starts_with(&format!("// Begun as row {row} of the race catalogue, defect {defect}:\n"))
            );
            begun += 1;
        }
    }
    assert_eq!(begun, rows, "each defect has a scenario to begin from");
    assert_eq!(folder.run("fmt --check drafts").code, 0);
    insta::assert_snapshot!(folder.read("drafts/as-r08-finish-gap.json"), @r#"
// Begun as row R08 of the race catalogue, defect finish-gap:
// a message persisted between the last look and the write of FINISHED is left unprompted.
//
// Say what is certain, with waits and gates, and leave the rest open: every order of it is run. After each change:
//   turnloom lint drafts/as-r08-finish-gap.json
//   turnloom explore drafts/as-r08-finish-gap.json
//   turnloom explore drafts/as-r08-finish-gap.json --defect finish-gap
{
  "$schema": "schema.json",
  "version": 1,

  // What must hold, as a sentence.
  "title": "a message that arrives as the run finishes is prompted or left for the next run",

  // Where the report is: an issue, a review, a conversation.
  "source": "openhands-sdk #3376, review round 2",

  // `acp`: its server talks ACP over a pipe. `llm`: a native agent. `sync`: it has only a synchronous step.
  "agent": {"kind": "acp"},

  // Who does what, each on a thread of its own. What no wait orders happens in every order.
  "actors": [
    {"name": "alice", "does": [
      {"send": {"text": "first"}},
      "run"
    ]},
    {"name": "bob", "does": [{"send": {"text": "second"}}]}
  ],

  // The defects that this scenario shows, each with exactly the rules that break: `turnloom audit` holds it to that.
  "catches": [
    {"row": "R08", "defect": "finish-gap", "rules": ["nothing-stranded-after-finish"]}
  ]
}
"#);
}

#[test]
fn new_writes_over_nothing_and_says_what_is_wrong() {
    let folder = Folder::empty("authoring-refused");
    folder.write("scenarios/mine.json", "mine");
    for (arguments, reason) in [
        ("new mine", "`scenarios/mine.json` is there already"),
        ("new Mine", "`Mine` is no name of a scenario"),
        ("new other --from R99", "`R99` is no row of the race catalogue"),
        ("new other --from R26", "no file in `scenarios` catches row R26"),
        ("new scenarios/mine.json/other", "`scenarios/mine.json/other.json` cannot be written"),
    ] {
        let refused = folder.run(arguments);
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{arguments}");
        assert!(refused.err.contains(reason), "{arguments}: {}", refused.err);
    }
    assert_eq!(folder.read("scenarios/mine.json"), "mine");
    assert_eq!(folder.names("scenarios"), ["mine.json"]);
}

#[test]
fn fmt_lays_files_out_or_says_which_are_not() {
    let folder = Folder::empty("authoring-fmt");
    let loose = "{\"version\":1, // one\n\"gates\":[ ]}";
    folder.write("scenarios/a.json", loose);
    folder.write("scenarios/b.json", "{\n  \"version\": 1\n}\n");
    let check = folder.run("fmt --check");
    assert_eq!((check.code, check.err.as_str()), (1, ""));
    insta::assert_snapshot!(check.out, @r#"
--- scenarios/a.json
+++ scenarios/a.json, laid out
@@ -1,2 +1,4 @@
-{"version":1, // one
-"gates":[ ]}
\ No newline at end of file
+{
+  "version": 1, // one
+  "gates": []
+}
"#);
    assert_eq!(folder.read("scenarios/a.json"), loose, "only said");
    let fmt = folder.run("fmt");
    assert_eq!((fmt.code, fmt.out.as_str(), fmt.err.as_str()), (0, "scenarios/a.json: laid out\n", ""));
    assert_eq!(folder.read("scenarios/a.json"), "{\n  \"version\": 1, // one\n  \"gates\": []\n}\n");
    assert_eq!(folder.run("fmt --check").code, 0);
    assert_eq!(folder.names("scenarios"), ["a.json", "b.json"], "nothing is left beside them");

    // One file that is no JSON keeps all of them as they are.
    folder.write("scenarios/a.json", loose);
    folder.write("scenarios/c.json", "{\"version\": 1");
    let fmt = folder.run("fmt");
    assert_eq!((fmt.code, fmt.out.as_str()), (2, ""));
    assert!(fmt.err.contains("scenarios/c.json:1:14"), "{}", fmt.err);
    assert_eq!(folder.read("scenarios/a.json"), loose);
}

#[cfg(unix)]
#[test]
fn a_new_file_has_the_rights_of_others_and_one_that_is_laid_out_keeps_its_own() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::empty("authoring-rights");
    folder.write("plain", "");
    let mode =
        |file: &str| fs::metadata(folder.0.join(file)).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(folder.run("new mine").code, 0);
    assert_eq!(mode("scenarios/mine.json"), mode("plain"));
    folder.write("scenarios/mine.json", "{}");
    let own = PermissionsExt::from_mode(0o640);
    fs::set_permissions(folder.0.join("scenarios/mine.json"), own).expect("the rights can be set");
    std::os::unix::fs::symlink("scenarios/mine.json", folder.0.join("link.json"))
        .expect("a link can be made");
    folder.write("scenarios/mine.json", "{ }");
    assert_eq!(folder.run("fmt link.json").code, 0);
    assert_eq!((folder.read("scenarios/mine.json").as_str(), mode("scenarios/mine.json")), ("{}\n", 0o640));
    assert!(fs::symlink_metadata(folder.0.join("link.json")).expect("it is there").is_symlink());
}

#[test]
fn every_shipped_scenario_is_laid_out() {
    let check = at_the_root("fmt --check scenarios");
    assert_eq!((check.code, check.out.as_str(), check.err.as_str()), (0, "", ""));
}

/// A fragment is there for what would else be written three times.
#[test]
fn every_shipped_fragment_is_used_in_three_scenarios() {
    for (fragment, _) in fragments() {
        let used = format!(r#"{{"use": "{fragment}"}}"#);
        let users = shipped().iter().filter(|(_, text)| text.contains(&used)).count();
        assert!(users >= 3, "{fragment} is used in {users}");
    }
}

#[test]
fn every_shipped_scenario_names_the_schema_and_keeps_to_it() {
    let file =
        fs::read_to_string(Path::new(ROOT).join("scenarios/schema.json")).expect("the schema is there");
    assert_eq!(at_the_root("schema").out, file, "`turnloom schema > scenarios/schema.json` brings it up");
    let schema: serde_json::Value = serde_json::from_str(&file).expect("a document");
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for (name, text) in shipped() {
        let mut document: serde_json::Value = serde_json::from_str(&text).expect("JSON without comments");
        assert_eq!(document["$schema"], "schema.json", "{name}");
        let wrong: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
        document["actors"][0]["does"][0] = "sned".into();
        assert!(!validator.is_valid(&document), "{name}: a step that is none is none for the schema");
    }
}

#[test]
fn every_command_reads_comments() {
    let folder = Folder::empty("authoring-comments");
    let text = format!(
        "// {}",
        fs::read_to_string(format!("{ROOT}/scenarios/r08-finish-gap.json")).expect("a file")
    );
    let text = text.replacen("// {", "// The gap. \"r08\"\n{ // opened", 1).replace(",\n", ", // http://\n");
    folder.write("scenarios/r08-finish-gap.json", &text);
    let file = "scenarios/r08-finish-gap.json";
    let token = "r08-finish-gap:finish-gap:bob@alice.lock-state.7:139700";
    for (arguments, code) in [
        (format!("lint {file}"), 0),
        (format!("explore {file}"), 0),
        (format!("explore {file} --defect finish-gap --shrink"), 1),
        (format!("replay {file} {token}"), 1),
        (format!("audit {file}"), 0),
        ("check".to_owned(), 1),
    ] {
        let run = folder.run(&arguments);
        assert_eq!(run.code, code, "{arguments}: {}{}", run.out, run.err);
        assert!(!run.err.contains("malformed"), "{arguments}: {}", run.err);
    }
}

#[test]
fn each_shell_gets_completions_for_what_a_person_can_type() {
    let folder = Folder::empty("authoring-completions");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = folder.run(&format!("completions {shell}"));
        assert_eq!((script.code, script.err.as_str()), (0, ""));
        for word in ["explore", "shrink"] {
            assert!(script.out.contains(word), "{shell} does not complete {word}");
        }
        assert!(!script.out.contains("loom-child"), "{shell} completes what nobody types");
    }
}

#[test]
fn the_waits_that_would_settle_an_order_do_so() {
    let folder = Folder::empty("authoring-suggest");
    assert_eq!(folder.run("new two").code, 0);
    let file = "scenarios/two.json";
    // Without the wait of the server nothing orders the second message and the answer.
    let text = folder
        .read(file)
        .replace("      {\"wait\": {\"gate\": \"typed\"}},\n", "")
        .replace("      {\"open\": \"typed\"}\n", "");
    let text = text.replace("{\"send\": {\"text\": \"second\"}},", "{\"send\": {\"text\": \"second\"}}");
    let gates = text.find("  \"gates\"").expect("there are gates");
    let end = text[gates..].find('\n').expect("a line") + gates + 1;
    folder.write(file, &format!("{}{}", &text[..gates], &text[end..]));
    assert_eq!(folder.run(&format!("lint {file}")).err, "");
    let suggested = folder.run(&format!("explore {file} --suggest"));
    assert_eq!((suggested.code, suggested.err.as_str()), (0, ""));
    insta::assert_snapshot!(suggested.out, @r#"
proved   two   3 outcomes

2 waits would settle an order:

scenarios/two.json:30, before ben sends "second"
  after a finish is in the event log: leaves outcomes 2, 3 of 3
    {"wait": {"event": {"kind": "finish"}}},

scenarios/two.json:39, before the server, on {"prompt": "first"}, does {"answer": "end_turn"}
  after "second" is in the event log: leaves outcome 1 of 3
    {"wait": {"event": {"kind": "user_message", "text": "second"}}},
"#);

    // The same for a program.
    let document = folder.run(&format!("explore {file} --suggest --format json"));
    assert_eq!((document.code, document.err.as_str()), (0, ""));
    insta::assert_snapshot!(document.out, @r#"
{
  "name": "two",
  "verdict": "proved",
  "revision": "fixed",
  "defects": [],
  "outcomes": 3,
  "suggestions": [
    {
      "before": "/actors/1/does/1",
      "line": 30,
      "place": "before ben sends \"second\"",
      "wait": {
        "event": {
          "kind": "finish"
        }
      },
      "paste": "{\"wait\": {\"event\": {\"kind\": \"finish\"}}},",
      "leaves": [
        2,
        3
      ]
    },
    {
      "before": "/server/0/do/1",
      "line": 39,
      "place": "before the server, on {\"prompt\": \"first\"}, does {\"answer\": \"end_turn\"}",
      "wait": {
        "event": {
          "kind": "user_message",
          "text": "second"
        }
      },
      "paste": "{\"wait\": {\"event\": {\"kind\": \"user_message\", \"text\": \"second\"}}},",
      "leaves": [
        1
      ]
    }
  ]
}
"#);

    // What is said of the first one holds when it is pasted where it says.
    let line = |marker: &str| suggested.out.lines().position(|line| line.contains(marker)).expect("a line");
    let place = line(&format!("{file}:"));
    let lines: Vec<&str> = suggested.out.lines().collect();
    let number = lines[place][file.len() + 1..].split(',').next().expect("a number");
    let number: usize = number.parse().expect("the number of a line");
    let left =
        lines[place + 1].split("leaves ").nth(1).expect("outcomes").split(" of ").next().expect("a list");
    let left = left.matches(", ").count() + 1;
    let mut text: Vec<String> = folder.read(file).lines().map(str::to_owned).collect();
    text.insert(number - 1, lines[place + 2].to_owned());
    folder.write(file, &text.join("\n"));
    let explored = folder.run(&format!("explore {file}")).out;
    let noun = if left == 1 { "outcome" } else { "outcomes" };
    assert!(explored.starts_with(&format!("proved   two   {left} {noun}\n")), "{explored}");
}
