//! No message misleads: scenarios that are wrong or stuck as a new user writes them, with what `lint` and `explore` say of
//! each. A deadlock that the scenario makes itself is told as the scenario's, and what would help is said in every format.

use crate::folder::Folder;

/// A scenario with these fields beside those that every one has.
fn scenario(fields: &str) -> String {
    let agent = if fields.contains("\"agent\"") { "" } else { "\"agent\": {\"kind\": \"acp\"}, " };
    format!("{{\"version\": 1, \"title\": \"t\", \"source\": \"s\", {agent}{fields}}}\n")
}

/// A scenario that stands still by its own making.
struct Case {
    name: &'static str,
    fields: &'static str,
    /// What `lint` says.
    lint: &'static str,
    /// What stands in a line about a stuck thread.
    stuck: &'static [&'static str],
}

const ANN: &str = r#"{"name": "ann", "does": [{"send": {"text": "a"}}, "run"]}"#;

const CASES: [Case; 11] = [
    Case {
        name: "gate-after-the-run-that-needs-it",
        fields: r#""gates": ["g"], "actors": [{"name": "ann", "does": [{"send": {"text": "a"}}, "run", {"open": "g"}]}],
            "server": [{"on": {"prompt": "a"}, "do": [{"wait": {"gate": "g"}}, {"answer": "end_turn"}]}]"#,
        lint: "needs gate `g`, which `ann` opens in step 3, never reached",
        stuck: &[
            "ann in step 2 › run › astep › prompt \"a\" is at `select loop of ann`, needs server",
            "server in wait for gate \"g\" in the reaction to prompt `a` is at `step server`, needs gate `g`, which `ann` opens in \
             step 3, never reached",
        ],
    },
    Case {
        name: "prompt-never-answered",
        fields: r#""actors": [ANN], "server": [{"on": {"prompt": "a"}, "do": [{"say": "x"}]}]"#,
        lint: "prompt \"a\" is not answered, and its reaction has ended",
        stuck: &["timer `prompt` is armed, and no clock step fires it"],
    },
    Case {
        name: "cancel-ignored",
        fields: r#""actors": [ANN, {"name": "bob", "does": [{"wait": {"frame": {"method": "session/prompt"}}}, "interrupt"]}],
            "server": [{"on": {"prompt": "a"}, "do": [{"say": "x"}]}]"#,
        lint: "timer `drain` is armed, and no clock step fires it",
        stuck: &["ann in step 2 › run › astep › drain is at `select loop of ann`, needs server"],
    },
    Case {
        name: "status-passes",
        fields: r#""actors": [ANN, {"name": "bob", "does": [{"wait": {"status": "running"}}, {"send": {"text": "b"}}]}]"#,
        lint: "needs status running, but the status is finished",
        stuck: &["bob in step 1 › wait for status running is at `wait status`"],
    },
    Case {
        name: "subscriber-held",
        fields: r#""through": "service", "gates": ["g"], "subscriber": [{"on": "user_message", "gate": "g"}],
            "actors": [{"name": "ann", "does": [{"send": {"text": "a", "run": true}}, {"wait": {"event": {"kind": "finish"}}},
            "close", {"open": "g"}]}]"#,
        lint: "waits for the subscriber at gate `g`, which `ann` opens in step 4, never reached",
        stuck: &["waits for the subscriber at gate `g`, which `ann` opens in step 4, never reached"],
    },
    Case {
        name: "two-cancels",
        fields: r#""gates": ["g"], "actors": [ANN, {"name": "bob", "does": [{"wait": {"frame": {"method": "session/prompt"}}},
            "interrupt", {"wait": {"frame": {"method": "session/cancel", "count": 2}}}, {"open": "g"}]}],
            "server": [{"on": {"prompt": "a"}, "do": [{"wait": {"gate": "g"}}, {"answer": "cancelled"}], "breaks": []}]"#,
        lint: "needs 2 frames session/cancel, of which the server has read 1",
        stuck: &[
            "bob in step 3 › wait for frame session/cancel is at `wait server`, needs 2 frames session/cancel",
        ],
    },
    Case {
        name: "finish-twice",
        fields: r#""through": "service", "actors": [{"name": "ann", "does": [{"send": {"text": "a", "run": true}},
            {"wait": {"event": {"kind": "finish", "count": 2}}}]}]"#,
        lint: "needs 2 events finish, of which the log holds 1",
        stuck: &[
            "ann in step 2 › wait for event finish is at `wait events`, needs 2 events finish, of which the log holds 1",
        ],
    },
    Case {
        name: "one-fire-for-three-retries",
        fields: r#""actors": [ANN], "clock": [{"fire": "retry"}],
            "server": [{"on": {"prompt": "a"}, "do": [{"fail": "x"}]}]"#,
        lint: "timer `retry` is armed 3 times, and the clock fires it once",
        stuck: &["timer `retry` is armed, and no clock step is left that fires it"],
    },
    Case {
        name: "start-waits-for-what-comes-after-the-run",
        fields: r#""agent": {"kind": "acp", "session": "cold"}, "gates": ["g"],
            "actors": [{"name": "ann", "does": [{"send": {"text": "a"}}, "run", {"open": "g"}]}],
            "server": [{"on": {"request": "initialize"}, "do": [{"wait": {"gate": "g"}}]}]"#,
        lint: "needs gate `g`, which `ann` opens in step 3, never reached",
        stuck: &["server in wait for gate \"g\" in the reaction to `initialize` is at `step server`"],
    },
    Case {
        name: "gate-after-the-interrupt",
        fields: r#""through": "service", "gates": ["g"], "actors": [{"name": "ann", "does": [{"send": {"text": "a", "run": true}},
            {"wait": {"frame": {"method": "session/prompt"}}}, "interrupt", {"open": "g"}]}],
            "server": [{"on": {"prompt": "a"}, "do": [{"wait": {"gate": "g"}}, {"answer": "cancelled"}]}]"#,
        lint: "timer `drain` is armed, and no clock step fires it",
        stuck: &["timer `interrupt_wait` is armed, and no clock step fires it"],
    },
    Case {
        name: "server-stops-reading",
        fields: r#""actors": [ANN, {"name": "bob", "does": [{"wait": {"frame": {"method": "session/prompt"}}}, "interrupt"]}],
            "server": [{"on": {"prompt": "a"}, "do": ["stop_reading"]}]"#,
        lint: "stands still for ever",
        stuck: &["the server has stopped reading, with 1 message unread, timer `cancel_send` is armed"],
    },
];

#[test]
fn a_standstill_of_the_scenarios_own_is_told_as_one_and_lint_warns_of_it() {
    for Case { name, fields, lint, stuck } in CASES {
        let file = format!("{name}.json");
        let text = scenario(&fields.replace("ANN", ANN));
        let folder = Folder::new(&format!("messages-{name}"), &[(&file, &text)]);
        let linted = folder.run(&format!("lint {file}"));
        assert_eq!(linted.code, 0, "{name}: {}", linted.err);
        // The message is wrapped.
        let said: Vec<&str> = linted.err.split_whitespace().collect();
        assert!(said.join(" ").contains(lint), "{name}: {}", linted.err);
        let explored = folder.run(&format!("explore {file}"));
        assert_eq!(explored.code, 1, "{name}: {}", explored.err);
        let broken: Vec<&str> = explored.out.lines().filter(|line| line.starts_with("  ✗ ")).collect();
        let is_scenarios = |line: &&str| line.starts_with("  ✗ no-deadlock (the scenario): ");
        assert!(!broken.is_empty() && broken.iter().all(is_scenarios), "{name}: {}", explored.out);
        for words in stuck {
            assert!(explored.out.contains(words), "{name}, {words}: {}", explored.out);
        }
    }
}

const RETRY: &str = include_str!("16-retry-nobody-fires.json");

#[test]
fn the_timer_retry_that_the_clock_does_not_fire_is_the_scenarios_in_every_format() {
    let file = "16-retry-nobody-fires.json";
    let folder = Folder::new("messages-retry", &[(file, RETRY)]);
    let linted = folder.run(&format!("lint {file}"));
    assert_eq!((linted.code, linted.out.as_str()), (0, ""));
    assert!(linted.err.contains("timer `retry` is armed, and no clock step fires it"), "{}", linted.err);

    let explored = folder.run(&format!("explore {file}"));
    assert!(
        explored.out.contains("✗ no-deadlock (the scenario): nobody can move: ann in step 2"),
        "{}",
        explored.out
    );
    let needs = "timer `retry` is armed, and no clock step fires it";
    assert!(explored.out.contains(&format!("`select loop of ann`, {needs}")), "{}", explored.out);
    let token = explored.out.lines().find_map(|line| line.trim().strip_prefix("token    ")).expect("a token");

    let since = "timer `retry` is armed since step ";
    let replayed = folder.run(&format!("replay {file} {token}"));
    assert!(replayed.out.contains(since), "{}", replayed.out);
    let json = folder.run(&format!("explore {file} --format json")).out;
    let document: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let outcome = &document["outcomes"][0];
    assert_eq!(outcome["violations"][0]["side"], "scenario");
    let ann = &outcome["observations"]["stuck"]["threads"][0];
    assert_eq!(ann["step"], 2);
    assert_eq!(ann["needs"], serde_json::json!([{"timer": {"timer": "retry", "clock": "never"}}]));
    let page = folder.run(&format!("explore {file} --html -")).out;
    assert!(
        page.contains("timer `retry` is armed since step ") || page.contains("is armed since step"),
        "{page}"
    );
    let issue = folder.run(&format!("explore {file} --markdown -")).out;
    assert!(issue.contains(since) && issue.contains("(the scenario)"), "{issue}");
}

#[test]
fn a_timer_that_a_close_arms_can_be_fired() {
    let fields = r#""actors": [ANN, {"name": "bob", "does": [{"wait": {"frame": {"method": "session/prompt"}}}, "close"]}],
        "clock": [{"fire": "retry"}], "server": [{"on": {"prompt": "a"}, "process": 1, "do": [{"say": "x"}]}]"#;
    let folder = Folder::new("messages-close", &[("close.json", &scenario(&fields.replace("ANN", ANN)))]);
    let explored = folder.run("explore close.json");
    assert!(!explored.err.contains("never armed"), "{}", explored.err);
    assert!(explored.out.contains("prompt s1 \"a\""), "{}", explored.out);
}

#[test]
fn a_cancel_of_a_task_is_a_row_of_the_timeline() {
    let fields = r#""actors": [ANN, {"name": "bob", "does": [{"wait": {"frame": {"method": "session/prompt"}}}, "interrupt"]}],
        "server": [{"on": {"prompt": "a"}, "do": [{"say": "x"}]}]"#;
    let folder = Folder::new("messages-cancel", &[("cancel.json", &scenario(&fields.replace("ANN", ANN)))]);
    let replayed = folder.run("replay cancel.json cancel:-:-:0");
    let token = folder.run("explore cancel.json").out;
    let token =
        token.lines().find_map(|line| line.trim().strip_prefix("token    ")).expect("a token").to_owned();
    let replayed =
        if replayed.code == 2 { folder.run(&format!("replay cancel.json {token}")) } else { replayed };
    let row = replayed.out.lines().find(|line| line.contains("│ cancel task run"));
    assert!(row.is_some_and(|row| row.starts_with("      ")), "{}", replayed.out);
}

#[test]
fn where_gates_force_the_order_the_wait_that_decides_is_named() {
    let fields = r#""gates": ["g"], "actors": [{"name": "ann", "does": [{"send": {"text": "a"}}, "run", {"open": "g"}]}],
        "server": [{"on": {"prompt": "a"}, "do": [{"wait": {"gate": "g"}}, {"answer": "end_turn"}]}]"#;
    let folder = Folder::new("messages-gates", &[("gates.json", &scenario(fields))]);
    let wait = "without the wait for gate `g` in the reaction to prompt `a` (step 1) an order passes";
    let explored = folder.run("explore gates.json").out;
    let none = "racing pair: none, as no single reversal of two operations passes; ";
    assert!(explored.contains(&format!("{none}{wait}")), "{explored}");
    for format in ["--markdown -", "--html -"] {
        let told = folder.run(&format!("explore gates.json {format}")).out;
        assert!(told.contains(wait), "{told}");
    }
    let json = folder.run("explore gates.json --format json").out;
    assert!(json.contains("\"deciding_waits\""), "{json}");
}
