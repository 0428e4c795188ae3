//! Tokens that a scenario keeps.

use turnloom::explore::Firing;
use turnloom::explore::Token;

use super::said_beside_ann;

fn token(scenario: &str, revision: Option<&str>, defects: &[&str]) -> String {
    let (scenario, revision) = (scenario.to_owned(), revision.map(str::to_owned));
    let defects = defects.iter().map(ToString::to_string).collect();
    let schedule = "portal@ann.lock-state.2".parse().expect("a schedule");
    Token { scenario, revision, defects, timers: Firing::Clock, schedule }.to_string()
}

fn kept(token: &str) -> String {
    said_beside_ann(&format!("\n\"regressions\": [\"{token}\"]"))
}

#[test]
fn a_token_with_nothing_wrong() {
    assert!(kept(&token("case", Some("1.25.0"), &[])).contains("nothing wrong"));
}

#[test]
fn what_is_no_token() {
    insta::assert_snapshot!(kept("case:-"), @r#"
      x a token has four parts, `scenario:defects:schedule:check`; this has 2
       ,-[case:3:17]
     2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
     3 | "regressions": ["case:-"]}
       :                 ^^^^|^^^
       :                     `-- expected a whole token
       `----
      help: copy the whole token, as `explore`, `check` or `replay` printed it

    failed to read scenario `case`: 1 error
    "#);
}

#[test]
fn a_damaged_token() {
    insta::assert_snapshot!(kept(&token("case", None, &[]).replace("lock", "look")), @r#"
      x the token is damaged: its check is `f16ac2`, but the rest of it gives `c70f84`
       ,-[case:3:17]
     2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
     3 | "regressions": ["case:-:portal@ann.look-state.2:f16ac2"]}
       :                 ^^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^^
       :                                    `-- expected a whole token
       `----
      help: copy the whole token, as `explore`, `check` or `replay` printed it

    failed to read scenario `case`: 1 error
    "#);
}

#[test]
fn a_token_of_another_scenario() {
    insta::assert_snapshot!(kept(&token("r08-finish-gap", None, &[])), @r#"
      x the token is of scenario `r08-finish-gap`, but this is scenario `case`
       ,-[case:3:17]
     2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
     3 | "regressions": ["r08-finish-gap:-:portal@ann.lock-state.2:5c7265"]}
       :                 ^^^^^^^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^^^^^^^
       :                                         `-- another scenario's
       `----
      help: keep it in the file of scenario `r08-finish-gap`

    failed to read scenario `case`: 1 error
    "#);
}

#[test]
fn a_token_that_names_what_there_is_not() {
    insta::assert_snapshot!(kept(&token("case", Some("1.52.0"), &["finish-gpa"])), @r#"
      x unknown revision `1.52.0`
       ,-[case:3:17]
     2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
     3 | "regressions": ["case:@1.52.0+finish-gpa:portal@ann.lock-state.2:80939d"]}
       :                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^^^^^^^^^^
       :                                             `-- no such revision
       `----
      help: did you mean `1.25.0`?

      x unknown defect `finish-gpa`
       ,-[case:3:17]
     2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
     3 | "regressions": ["case:@1.52.0+finish-gpa:portal@ann.lock-state.2:80939d"]}
       :                 ^^^^^^^^^^^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^^^^^^^^^^
       :                                             `-- no such defect
       `----
      help: did you mean `finish-gap`?

    failed to read scenario `case`: 2 errors
    "#);
}

#[test]
fn a_token_that_breaks_on_purpose() {
    insta::assert_snapshot!(kept(&token("case", None, &["finish-gap"])), @r#"
      ! the token switches on defect `finish-gap`, so it breaks on purpose
       ,-[case:3:17]
     2 | "actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}],
     3 | "regressions": ["case:finish-gap:portal@ann.lock-state.2:dbffce"]}
       :                 ^^^^^^^^^^^^^^^^^^^^^^^^|^^^^^^^^^^^^^^^^^^^^^^^
       :                                         `-- shows the defect, not the scenario's own runtime
       `----
      help: say in `catches` that the scenario finds the defect, and keep tokens without one here

    read scenario `case`: 1 warning
    "#);
}

#[test]
fn the_same_token_twice() {
    let token = token("case", None, &[]);
    let said = said_beside_ann(&format!("\n\"regressions\": [\"{token}\", \"{token}\"]"));
    assert!(said.contains("the same token twice in one list"), "{said}");
}
