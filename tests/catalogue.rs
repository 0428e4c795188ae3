//! The catalogue as a page and as snapshots: the page is what an audit shows, the tests it names exist, the README has a
//! line for each name, and a snapshot is small enough to be reviewed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use turnloom::cli::maintain;
use turnloom::rules::{bases, basis, rules};
use turnloom::subject::model::{DECISIONS, DEFECTS, Decision, Defect, REVISIONS, Revision};
use turnloom::verify::protocol::RULES;

fn at_root(file: &str) -> String {
    format!("{}/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(at_root(file)).unwrap_or_else(|error| panic!("failed to read {file}: {error}"))
}

fn turnloom(arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_turnloom"));
    command.args(arguments.split_whitespace()).current_dir(at_root("")).output().expect("the binary starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_scenario_that_explain_names_is_there() {
    for defect in DEFECTS {
        let file = format!("scenarios/{}-{}.json", defect.row.to_lowercase(), defect.name);
        assert!(said(&turnloom(&format!("explain {}", defect.name))).contains(&file), "{file}");
        assert!(fs::exists(at_root(&file)).is_ok_and(|there| there), "{file}");
    }
}

#[test]
fn every_row_of_the_table_of_rules_has_a_rule_and_every_rule_a_row() {
    let names = rules().iter().map(|rule| rule.name()).chain(RULES.iter().map(|rule| rule.name));
    let names: BTreeSet<&str> = names.collect();
    assert_eq!(bases().map(|basis| basis.rule).collect::<BTreeSet<_>>(), names);
    assert_eq!(bases().count(), names.len(), "a rule has two rows");
}

#[test]
fn pairs_of_defects_say_which_exclude_and_which_mask_each_other_and_why() {
    let files = "scenarios/r19-cursor-not-persisted.json scenarios/r27-initial-cursor-latest.json \
                 scenarios/r37-sync-agent-on-async-path.json scenarios/r38-async-agent-on-sync-path.json";
    let (told, code) = maintain(["maintain", "pairs"].into_iter().chain(files.split_whitespace()));
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("  dispatch: sync-agent-on-async-path, async-agent-on-sync-path\n"), "{told}");
    let by = "  cursor-not-persisted by initial-cursor-latest (first_prompt: newest): every interleaving";
    assert!(told.contains(by), "{told}");
    assert!(told.ends_with("9 of 10 are found as if they were alone\n"), "{told}");
}

#[test]
fn a_profile_says_which_rules_count() {
    let explore = "explore scenarios/r08-finish-gap.json --defect finish-gap --profile";
    let output = turnloom(&format!("{explore} policy"));
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(turnloom(&format!("{explore} runtime")).status.code(), Some(1));
    let ours = "explore scenarios/r10-undrained-session-reused.json --defect undrained-session-reused";
    assert_eq!(turnloom(&format!("{ours} --profile policy")).status.code(), Some(1));
    assert_eq!(turnloom(&format!("{ours} --profile acp-v1-should")).status.code(), Some(0));
    let demanded =
        "explore scenarios/n18-cancelled-permission-granted.json --defect cancelled-permission-granted";
    assert_eq!(turnloom(&format!("{demanded} --profile acp-v1-must")).status.code(), Some(1));
}

/// Whether each line has the figures of an audit is for `tests/races.rs` to say, row by row.
#[test]
fn the_page_of_the_races_is_what_an_audit_prints() {
    let files = "scenarios/r08-finish-gap.json scenarios/r17-fifo-skip.json scenarios/two-closes.json";
    let (printed, code) = maintain(["maintain", "races"].into_iter().chain(files.split_whitespace()));
    assert_eq!(code, 0, "{printed}");
    let page = read("scenarios/README.md");
    let due = "scenarios/README.md is not what `cargo run --example maintain -- races` prints; write it anew and review the difference";
    let missing: Vec<_> = printed.lines().filter(|line| !page.lines().any(|other| other == *line)).collect();
    assert!(missing.is_empty(), "{due}\n{missing:#?}");
    let rows = page.lines().filter(|line| ["| N", "| P", "| R"].iter().any(|begin| line.starts_with(begin)));
    let ids: Vec<&str> = rows.filter_map(|line| line.split(" | ").next()?.strip_prefix("| ")).collect();
    let mut expected: Vec<&str> = DEFECTS.iter().map(|defect| defect.row).collect();
    expected.sort_unstable();
    let demands = ["R25", "R30"];
    expected.extend(demands);
    assert_eq!(ids, expected, "{due}");
}

/// The scenarios as their files have them, by their names.
fn scenarios() -> BTreeMap<String, Value> {
    let files = fs::read_dir(at_root("scenarios")).expect("there are scenarios");
    let names =
        files.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name is text"));
    let names = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned));
    let names = names.filter(|name| name != "schema");
    names
        .map(|name| {
            let text = read(&format!("scenarios/{name}.json"));
            (name, serde_json::from_str(&text).expect("it was formatted"))
        })
        .collect()
}

#[test]
fn the_page_of_the_races_lists_every_scenario_without_a_row() {
    let scenarios = scenarios();
    let without = scenarios.iter().filter(|(_, scenario)| scenario["catches"].is_null());
    let due: Vec<String> = without
        .map(|(name, scenario)| format!("- [{name}]({name}.json): {}", scenario["title"].as_str().unwrap()))
        .collect();
    let page = read("scenarios/README.md");
    let listed: Vec<&str> = page.lines().filter(|line| line.starts_with("- [")).collect();
    assert_eq!(listed, due);
}

#[test]
fn a_rule_rests_on_every_row_whose_scenario_breaks_it() {
    for (name, scenario) in scenarios() {
        for catch in scenario["catches"].as_array().into_iter().flatten() {
            let row = catch["row"].as_str().unwrap();
            for rule in catch["rules"].as_array().unwrap() {
                let basis = basis(rule.as_str().unwrap()).expect("a rule rests on something");
                assert!(basis.rows.contains(&row), "{name}: {row} is not among the rows of {}", basis.rule);
            }
        }
    }
}

/// Rows that no defect shows are shown by tests, and those are there under the names that the page gives.
#[test]
fn the_tests_that_the_page_names_exist() {
    let page = read("scenarios/README.md");
    let named: Vec<(&str, &str)> = page
        .split('`')
        .filter(|word| word.starts_with("tests/"))
        .filter_map(|test| test.split_once(": "))
        .collect();
    assert!(!named.is_empty(), "no test is named");
    for (file, name) in named {
        let defined = format!("#[test]\nfn {name}()");
        assert!(read(file).contains(&defined), "{file} has no test {name}");
    }
}

/// The most lines that a snapshot may have without a reason.
const LINES: usize = 60;

/// Snapshots that are larger, each with the reason why its author could not choose less to be observed.
const REASONS: [(&str, &str); 0] = [];

#[test]
fn a_snapshot_over_sixty_lines_needs_a_reason() {
    let folder = fs::read_dir(at_root("snapshots")).expect("there are snapshots");
    let mut large = Vec::new();
    for entry in folder {
        let name = entry.expect("an entry").file_name().into_string().expect("a name is text");
        let lines = read(&format!("snapshots/{name}")).lines().count();
        if lines > LINES && !REASONS.iter().any(|(known, _)| *known == name) {
            large.push(format!("{name} has {lines} lines"));
        }
    }
    let help =
        "choose in the scenario's `observe` what makes an outcome, or give a reason in tests/catalogue.rs";
    assert!(large.is_empty(), "{}: {help}", large.join(", "));
}

/// The line of the README for a decision.
fn of_decision(decision: &Decision) -> String {
    let alternatives = decision.alternatives.iter();
    let alternatives: Vec<_> =
        alternatives.map(|alternative| format!("`{}`: {}", alternative.name, alternative.meaning)).collect();
    let defects = DEFECTS.iter().filter(|defect| defect.decision == decision.name);
    let mut defects: Vec<_> = defects.map(|defect| format!("`{}`", defect.name)).collect();
    if defects.is_empty() {
        defects.push("–".to_owned());
    }
    let (alternatives, defects) = (alternatives.join("<br>"), defects.join(", "));
    format!("| `{}`: {} | {alternatives} | {defects} |", decision.name, decision.question)
}

/// The line of the README for a defect.
fn of_defect(Defect { name, row, harm, source, .. }: &Defect) -> String {
    format!("| `{name}` | {row} | {harm} | {source} |")
}

/// The line of the README for a revision.
fn of_revision(Revision { name, meaning, like, changes }: &Revision) -> String {
    let decisions = match like {
        None => "every decision has its first alternative".to_owned(),
        Some(like) => {
            let changes = changes.iter();
            let changes: Vec<_> =
                changes.map(|change| format!("`{}` is `{}`", change.decision, change.alternative)).collect();
            format!("as `{like}`, but {}", changes.join(", "))
        }
    };
    format!("| `{name}` | {meaning} | {decisions} |")
}

#[test]
fn the_readme_has_a_line_for_every_rule_decision_defect_and_revision() {
    let rules = rules().iter().map(|rule| {
        let rows = basis(rule.name()).expect("a rule rests on something").rows.join(", ");
        format!("| `{}` | {} | {rows} |", rule.name(), rule.title())
    });
    let decisions = DECISIONS.iter().map(of_decision);
    let (defects, revisions) = (DEFECTS.iter().map(of_defect), REVISIONS.iter().map(of_revision));
    let page = read("README.md");
    let due = rules.chain(decisions).chain(defects).chain(revisions);
    let missing: Vec<String> =
        due.filter(|due| !page.lines().any(|line| line.starts_with(due.as_str()))).collect();
    assert!(missing.is_empty(), "README.md has no line that begins\n{}", missing.join("\n"));
}
