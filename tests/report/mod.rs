//! What a reader of a failure gets beside the terminal: a web page that is whole, loads nothing and can be used without
//! a mouse or a screen, and Markdown for an issue.

mod html;

use std::fs;
use std::path::Path;

use crate::folder::{Folder, Run, binary};
use html::Page;
use turnloom::engine::coroutines::Coroutines;
use turnloom::engine::kernel::{FifoLock, thread};
use turnloom::engine::locks::{Attack, lock_graph};
use turnloom::engine::search::{Limits, run_search};
use turnloom::explore::Firing;
use turnloom::explore::{Job, Replay, TraceStep};
use turnloom::observation::{Observations, Stuck, Waiting, Why};
use turnloom::report;
use turnloom::report::Case;
use turnloom::rules::{Mark, Side, Violation};

/// Bob's message is stranded: a racing pair, a passing order, frames.
const GAP: &str = "r08-finish-gap:finish-gap:bob@alice.lock-state.7:139700";

/// What a browser, a shell, Markdown or Mermaid might obey.
const HOSTILE: &str = "</script><img src=x onerror=alert(1)> ``` <!-- & \"q\" 'q' @someone #1; end %%{init}";

/// Runs a command at the root of the repository: exit code, stdout, stderr.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let mut command = binary(Path::new(env!("CARGO_MANIFEST_DIR")));
    let Run { code, out, err } = Run::of(command.args(arguments).output().expect("the binary starts"));
    (code, out, err)
}

fn replay(file: &str, token: &str, arguments: &[&str]) -> (i32, String, String) {
    run(&[&["replay", file, token], arguments].concat())
}

#[test]
fn the_page_of_a_race_shows_both_orders() {
    let folder = Folder::empty("report-race");
    let html = folder.path("page.html");
    let (code, out, err) = replay("scenarios/r08-finish-gap.json", GAP, &["--html", &html]);
    assert_eq!((code, err.as_str()), (1, ""));
    assert!(out.contains("racing pair: client `bob` takes the state lock"), "the terminal shows it as well");

    let text = folder.read("page.html");
    let page = Page::read(&text);
    page.check();
    assert!(text.len() < 200_000, "{} bytes", text.len());
    for words in [
        "<b>nothing-stranded-after-finish</b>",
        "What must hold: a conversation that has finished",
        "Steps 0 to 77 are the same in both orders",
        "This order breaks the rule",
        "This order passes",
        "turnloom replay scenarios/r08-finish-gap.json r08-finish-gap:finish-gap:-:68ad93",
        "<span class=\"vh\">alice waits for state; bob holds state</span>",
        "write server session/prompt &quot;first&quot;</span> <span class=\"frame\">→ server, read in step 42",
        "answered end_turn → portal, read in step 45",
    ] {
        assert!(text.contains(words), "{words}");
    }
    // Of the pair, A comes first where the rule breaks and B where it does not.
    let racing = page.with_class("tr", "racing");
    let rows: Vec<_> = racing.iter().map(|row| row.attribute("id").unwrap()).collect();
    assert_eq!(rows, ["f80", "f84", "p80", "p91"]);
    let broken = page.with_class("tr", "broken");
    assert_eq!(broken[0].attribute("id"), Some("f82"));
    // Every step of either order has one row.
    let steps = page.elements("tr").filter(|row| row.attribute("data-step").is_some()).count();
    assert_eq!(steps, 95 + (95 - 78));

    let again = folder.path("again.html");
    replay("scenarios/r08-finish-gap.json", GAP, &["--html", &again]);
    assert_eq!(text, folder.read("again.html"), "the same bytes for the same execution");
    assert_eq!(folder.names("").len(), 2, "nothing is left aside");
}

#[test]
fn the_page_of_a_deadlock_says_who_waits_for_whom() {
    let folder = Folder::empty("report-deadlock");
    let token = "r31-step-in-executor:step-in-executor:-:e8c069";
    let html = folder.path("page.html");
    let (code, ..) = replay("scenarios/r31-step-in-executor.json", token, &["--html", &html]);
    assert_eq!(code, 1);
    let text = folder.read("page.html");
    let page = Page::read(&text);
    page.check();
    assert!(text.contains("<b>worker</b> is at lock state; <b>alice</b> is at select loop of alice"));
    assert_eq!(page.with_class("g", "hot").len(), 2, "each waits for the other");
    assert!(text.contains("none, as no single reversal of two operations passes"));
}

#[test]
fn no_text_of_a_scenario_becomes_markup() {
    let folder = Folder::empty("report-hostile");
    let scenario = serde_json::json!({
        "version": 1, "title": HOSTILE, "source": HOSTILE, "agent": {"kind": "acp"},
        "actors": [{"name": "ann", "does": [{"send": {"text": HOSTILE}}, "run"]}],
        "server": [{"on": "any_prompt", "do": [{"say": HOSTILE}, {"answer": "end_turn"}]}]
    });
    folder.write("hostile.json", &scenario.to_string());
    let (html, markdown) = (folder.path("page.html"), folder.path("issue.md"));
    let (_, out, _) = run(&["explore", &folder.path("hostile.json"), "--format", "json"]);
    assert!(out.contains("\"verdict\": \"proved\""));
    let arguments = ["--html", &html, "--markdown", &markdown];
    // A token of no switches, with the check that its damaged sister was told of.
    let (_, _, err) = replay(&folder.path("hostile.json"), "hostile:-:-:000000", &arguments);
    let check = err.split("gives `").nth(1).and_then(|rest| rest.split('`').next()).unwrap();
    let (code, _, err) = replay(&folder.path("hostile.json"), &format!("hostile:-:-:{check}"), &arguments);
    assert_eq!((code, err.as_str()), (0, ""));
    let text = folder.read("page.html");
    Page::read(&text).check();
    assert!(!text.contains("<img") && !text.contains("<!-- &"));
    assert_eq!(text.matches("</script>").count(), 1);

    let issue = folder.read("issue.md");
    let mut fence: Option<&str> = None;
    for line in issue.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        match fence {
            // With backticks behind them they begin a span, not a block.
            None if ticks >= 3 && !line[ticks..].contains('`') => fence = Some(&line[..ticks]),
            Some(open) if line == open => fence = None,
            Some(_) => {}
            None => {
                assert!(!outside_of_code(line).contains(['@', '<']) || line.contains("details"), "{line}")
            }
        }
    }
    assert_eq!(fence, None, "every block is closed");
    let diagram = issue.split("```mermaid\n").nth(1).unwrap().split("\n```").next().unwrap();
    assert!(!diagram.contains("%%") && !diagram.contains("#1;"), "{diagram}");
}

/// A line of Markdown without its code spans.
fn outside_of_code(line: &str) -> String {
    let mut outside = String::new();
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        outside += &rest[..start];
        let ticks = rest[start..].len() - rest[start..].trim_start_matches('`').len();
        let (open, inside) = rest[start..].split_at(ticks);
        rest = inside.split_once(open).unwrap_or_else(|| panic!("a span is not closed: {line}")).1;
    }
    outside + rest
}

#[test]
fn the_markdown_of_a_race_is_ready_for_an_issue() {
    let file = "scenarios/r08-finish-gap.json";
    let (code, out, err) = replay(file, GAP, &["--markdown", "-"]);
    assert_eq!((code, err.as_str()), (1, ""));
    insta::assert_snapshot!(out);
}

#[test]
fn an_exploration_writes_its_witness_or_says_that_there_is_none() {
    let folder = Folder::empty("report-explore");
    let html = folder.path("page.html");
    let file = "scenarios/r08-finish-gap.json";
    let (code, out, _) = run(&["explore", file, "--defect", "finish-gap", "--html", &html]);
    assert_eq!(code, 1);
    assert!(out.starts_with("violated"));
    let text = folder.read("page.html");
    Page::read(&text).check();
    assert!(text.contains(&format!("turnloom replay {file} {GAP}")));

    let (code, _, err) = run(&["explore", file, "--html", &folder.path("none.html")]);
    assert_eq!((code, err.as_str()), (0, "no rule is broken, so there is no execution to write\n"));
    assert_eq!(folder.names("").len(), 1);
}

#[test]
fn a_file_that_cannot_be_written_is_bad_input_and_not_half_there() {
    let folder = Folder::empty("report-refused");
    let file = "scenarios/r08-finish-gap.json";
    for place in ["none/page.html", "."] {
        let html = folder.path(place);
        let (code, _, err) = replay(file, GAP, &["--html", &html]);
        assert_eq!(code, 2, "{place}");
        assert!(err.starts_with("error: failed to write `"), "{err}");
    }
    assert_eq!(folder.names("").len(), 0);
    let (code, out, err) = replay(file, GAP, &["--html", "-", "--markdown", "-"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("cannot go to the same place"), "{err}");
    let (code, out, _) = replay(file, GAP, &["--html", "-"]);
    assert_eq!(code, 1);
    Page::read(&out).check();
}

/// Two threads take two locks in two orders.
fn crossed() -> Coroutines {
    Coroutines::new(|| {
        let (a, b) = (FifoLock::new("a"), FifoLock::new("b"));
        for (name, first, second) in [("x", a.clone(), b.clone()), ("y", b, a)] {
            thread::spawn_detached(name, move || {
                let _first = first.lock();
                let _second = second.lock();
            });
        }
    })
}

#[test]
fn the_page_of_a_lock_order_deadlock_draws_the_circle() {
    let graph = lock_graph(&Limits::default(), &crossed(), run_search);
    let [(cycle, Attack::Confirmed(schedule))] = &graph.cycles[..] else { panic!("{:?}", graph.cycles) };
    let step = |thread: &str, lock: &str| TraceStep {
        thread: thread.into(),
        operation: "lock".into(),
        object: lock.into(),
        detail: String::new(),
        alternative: None,
        holds: vec![lock.into()],
        anchors: Vec::new(),
        notes: Vec::new(),
    };
    let waiting = |thread: &str, operation: &str, holds: &str, needs: &str| Waiting {
        thread: thread.into(),
        place: vec!["run".into()],
        operation: operation.into(),
        holds: vec![holds.into()],
        waits_for: vec![needs.into()],
        step: None,
        needs: Vec::new(),
    };
    let threads = vec![waiting("x", "lock b", "a", "y"), waiting("y", "lock a", "b", "x")];
    let stuck = Stuck { why: Why::Deadlock, threads };
    let violation = Violation {
        rule: "no-deadlock",
        side: Side::Client,
        message: "nobody can move".into(),
        marks: vec![Mark::Thread("x".into()), Mark::Thread("y".into())],
    };
    let replay = Replay {
        threads: vec!["x".into(), "y".into()],
        steps: vec![step("x", "a"), step("y", "b")],
        outcome: Observations { stuck: Some(stuck), ..Observations::default() },
        violations: vec![violation],
        schedule: schedule.clone(),
        drift: Vec::new(),
    };
    let scenario = serde_json::json!({
        "version": 1, "title": "two locks are taken in one order", "source": "s", "agent": {"kind": "acp"}, "actors": []
    });
    let scenario = serde_json::from_value(scenario).unwrap();
    let job = Job {
        name: "crossed".into(),
        scenario,
        revision: None,
        defects: Vec::new(),
        timers: Firing::Clock,
        subject: None,
    };
    let lock_violations = [Violation {
        rule: "lock-order",
        side: Side::Client,
        message: format!("locks are taken in a circle: {cycle}"),
        marks: vec![],
    }];
    let case = Case {
        job: &job,
        file: "scenarios/crossed.json",
        replay: &replay,
        spared: None,
        drift: &[],
        passing: None,
        deciding_waits: &[],
        lock_violations: &lock_violations,
        locks: Some(&graph),
    };
    let text = report::page(&case);
    let page = Page::read(&text);
    page.check();
    assert_eq!(page.with_class("g", "hot").len(), 4, "two locks and two threads");
    for words in [
        "✗ </span>confirmed deadlock: x takes b while it holds a; y takes a while it holds b",
        "<span class=\"vh\">x holds a, waits for b; y holds b, waits for a</span>",
        "<b>lock-order</b>",
    ] {
        assert!(text.contains(words), "{words}");
    }
    assert!(text.contains(&case.token(schedule)), "the circle has the token of its deadlock");
    let issue = report::markdown(&case);
    assert!(issue.contains("Note over t0: stuck at lock b"), "{issue}");
}

#[test]
fn a_check_says_in_its_document_why_a_scenario_is_not_as_reviewed() {
    let folder = Folder::empty("report-check");
    fs::create_dir_all(folder.path("scenarios")).unwrap();
    fs::copy("scenarios/r08-finish-gap.json", folder.path("scenarios/r08-finish-gap.json")).unwrap();
    let (code, out, err) = run(&["check", &folder.path("scenarios"), "--format", "json"]);
    assert_eq!(code, 1);
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    let snapshot = &document["scenarios"][0]["snapshot"];
    assert_eq!(snapshot["standing"], "missing");
    assert!(err.contains("there is no snapshot"), "people who read along are told as well: {err}");

    let (code, out, _) = run(&["check", "scenarios/r08-finish-gap.json", "--format", "json"]);
    assert_eq!(code, 0);
    assert!(!out.contains("\"snapshot\""), "{out}");
}
