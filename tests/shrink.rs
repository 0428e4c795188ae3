//! Shrinking: what is printed is a scenario that can be used, breaks the same rules by its token, and has nothing in it
//! that could be left out.

use std::fs;

use crate::folder::{Folder, Run};

fn scenario(name: &str) -> String {
    let file = format!("{}/scenarios/{name}.json", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(file).expect("the scenario is there")
}

/// Shrinks a scenario with a defect; the smaller scenario and what was said of it.
fn shrunk(folder: &Folder, name: &str, defect: &str) -> (String, String) {
    let run = folder.run(&format!("explore {name}.json --defect {defect} --shrink"));
    assert_eq!(run.code, 1, "{}", run.err);
    (run.out, run.err)
}

#[test]
fn what_each_defect_breaks_is_shrunk_to_a_scenario_that_breaks_it_too() {
    let folder = Folder::empty("shrink-defects");
    for fragment in ["fragments/drain-runs-out", "fragments/interrupts-the-first-turn"] {
        folder.write(&format!("{fragment}.json"), &scenario(fragment));
    }
    for (name, defect, rule) in [
        ("r01-lock-held-across-prompt", "lock-held-across-prompt", "no-lock-across-prompt"),
        ("r05-just-arrived-prompt-replayed", "just-arrived-prompt-replayed", "no-replay"),
        ("r08-finish-gap", "finish-gap", "nothing-stranded-after-finish"),
        ("r10-undrained-session-reused", "undrained-session-reused", "one-prompt-a-session"),
        ("r17-fifo-skip", "fifo-skip", "prompts-in-message-order"),
        ("r28-drain-result-discarded", "drain-result-discarded", "completed-turn-is-kept"),
        ("r31-step-in-executor", "step-in-executor", "callback-on-lock-owner"),
    ] {
        folder.write(&format!("{name}.json"), &scenario(name));
        let (small, said) = shrunk(&folder, name, defect);
        assert!(said.contains(&format!("✗ {rule}: ")), "{said}");

        let file = format!("{name}-small.json");
        folder.write(&file, &small);
        let lint = folder.run(&format!("lint {file}"));
        if name == "r10-undrained-session-reused" {
            // Without the defect this one waits for a second prompt that only the defect brings, of which the linter warns.
            assert_eq!((lint.code, lint.out.as_str()), (0, ""), "{}", lint.err);
            assert!(
                lint.err.ends_with("read scenario `r10-undrained-session-reused-small.json`: 1 warning\n"),
                "{}",
                lint.err
            );
        } else {
            assert_eq!(lint.out, format!("{file}: nothing wrong\n"), "{}", lint.err);
        }
        let token = said.lines().find_map(|line| line.trim().strip_prefix("token    ")).expect("a token");
        let Run { code, out: replay, .. } = folder.run(&format!("replay {file} {token}"));
        assert_eq!(code, 1);
        assert!(replay.contains(&format!("\n✗ {rule}: ")) && !replay.contains("drifted"), "{replay}");

        // What is smallest stays as it is.
        assert_eq!(folder.run(&format!("explore {file} --defect {defect} --shrink")).out, small);
    }
}

/// R08 with a bystander, a gate, a server that talks, and a clock that nobody needs.
const PADDED: &str = r#"{
  "version": 1,
  "title": "a message that arrives as the run finishes is prompted or left for the next run",
  "source": "tests/shrink.rs",
  "agent": {"kind": "acp"},
  "gates": ["seen"],
  "actors": [
    {"name": "zoe", "does": [{"wait": {"gate": "seen"}}]},
    {"name": "alice", "does": [{"send": {"text": "first"}}, "run", {"wait": {"gate": "seen"}}]},
    {"name": "bob", "does": [{"send": {"text": "second"}}]}
  ],
  "server": [
    {"on": {"prompt": "first"}, "do": [{"say": "well"}, {"say": "then"}, {"open": "seen"}, {"answer": "end_turn"}]}
  ]
}"#;

#[test]
fn what_does_not_matter_is_left_out() {
    let folder = Folder::empty("shrink-padded");
    folder.write("padded.json", PADDED);
    let (small, said) = shrunk(&folder, "padded", "finish-gap");
    assert_eq!(
        (small.clone(), said.clone()),
        shrunk(&folder, "padded", "finish-gap"),
        "the same bytes twice"
    );
    assert_eq!(
        said.lines().next(),
        Some(
            "shrunk to 1 switch, 2 actor steps and 0 script steps; it was 1 switch, 5 actor steps and 4 script steps"
        )
    );
    insta::assert_snapshot!(small, @r#"
{
  "version": 1,
  "title": "a message that arrives as the run finishes is prompted or left for the next run",
  "source": "tests/shrink.rs",
  "agent": {"kind": "acp"},
  "actors": [
    {"name": "alice", "does": ["run"]},
    {"name": "bob", "does": [{"send": {"text": "second"}}]}
  ]
}
"#);
    let document = folder.run("explore padded.json --defect finish-gap --shrink --format json").out;
    let document: serde_json::Value = serde_json::from_str(&document).expect("a document");
    assert_eq!(document["scenario"], serde_json::from_str::<serde_json::Value>(&small).expect("a scenario"));
    assert_eq!(document["name"], "padded-small");
    assert_eq!(document["before"], serde_json::json!({"switches": 1, "actor_steps": 5, "script_steps": 4}));
    assert!(said.contains(document["token"].as_str().expect("a token")));
}

#[test]
fn what_breaks_nothing_cannot_be_shrunk() {
    let folder = Folder::empty("shrink-clean");
    folder.write("r08-finish-gap.json", &scenario("r08-finish-gap"));
    let run = folder.run("explore r08-finish-gap.json --shrink");
    let said = "no rule is broken, so there is nothing to shrink\n";
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "", said));
    let run = folder.run("explore r08-finish-gap.json --shrink --format json");
    assert_eq!((run.code, run.out.as_str()), (0, "null\n"));
}
