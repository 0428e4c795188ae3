//! Warnings where a scenario touches what the model leaves out.

use super::said;

const NOTHING: &str = "\nread scenario `case`: nothing wrong\n";

/// All that is said of a scenario of this agent, with what an actor `ann` and the others do, and a server.
fn said_with(agent: &str, rest: &str) -> String {
    said(&format!(r#"{{"version": 1, "title": "t", "source": "s", "agent": {{{agent}}},{rest}}}"#))
}

const ANN: &str = r#""actors": [{"name": "ann", "does": [{"send": {"text": "hi"}}, "run"]}]"#;

#[test]
fn of_an_llm_that_fails() {
    let fails =
        format!(r#"{ANN}, "server": [{{"on": {{"prompt": "hi"}}, "do": [{{"fail": "overloaded"}}]}}]"#);
    for kind in ["llm", "sync"] {
        let told = said_with(&format!(r#""kind": "{kind}""#), &fails);
        assert!(told.contains("! the retries of an LLM are not modelled"), "{told}");
        assert!(told.contains("`-- the run fails at once; the release asks again first"), "{told}");
        assert!(told.ends_with("read scenario `case`: 1 warning\n"), "{told}");
    }
    let acp = format!(r#"{fails}, "limits": {{"retries": 0}}"#);
    assert_eq!(said_with(r#""kind": "acp""#, &acp), NOTHING);
}

#[test]
fn of_a_close_beside_a_start() {
    let actors = |closes: &str| {
        format!(
            r#""actors": [{{"name": "ann", "does": [{{"send": {{"text": "hi"}}}}, "run"]}}, {{"name": "bob", "does": [{closes}]}}]"#
        )
    };
    let cold = r#""kind": "acp", "session": "cold""#;
    let told = said_with(cold, &actors(r#""close""#));
    assert!(
        told.contains("! a close that ends a server while another thread starts it is not modelled"),
        "{told}"
    );
    assert!(told.ends_with("read scenario `case`: 1 warning\n"), "{told}");
    assert_eq!(said_with(r#""kind": "acp""#, &actors(r#""close""#)), NOTHING);
    assert_eq!(said_with(cold, &format!(r#""through": "service", {}"#, actors(r#""close""#))), NOTHING);
    assert_eq!(said_with(cold, &actors(r#""pause""#)), NOTHING);
}

#[test]
fn of_equal_tool_calls() {
    let server = |calls: u32, at: &dyn Fn(u32) -> u32| {
        let reaction = |call: u32| {
            let on = match call {
                1 => r#"{"prompt": "hi"}"#.to_owned(),
                _ => format!(r#"{{"tool_result": "t{}"}}"#, call - 1),
            };
            let at = at(call);
            format!(
                r#"{{"on": {on}, "do": [{{"tool_call": {{"id": "t{call}", "name": "look", "arguments": "[{at}]"}}}}, {{"answer": "end_turn"}}]}}"#
            )
        };
        let reactions: Vec<String> = (1..=calls).map(reaction).collect();
        format!(r#"{ANN}, "server": [{}]"#, reactions.join(","))
    };
    let llm = r#""kind": "llm""#;
    let told = said_with(llm, &server(4, &|_| 0));
    assert!(
        told.contains("! what the stuck detector says of 4 equal calls of `look` is not modelled"),
        "{told}"
    );
    assert_eq!(said_with(llm, &server(3, &|_| 0)), NOTHING);
    assert_eq!(said_with(llm, &server(4, &|call| call)), NOTHING);
    assert_eq!(said_with(llm, &format!(r#""through": "service", {}"#, server(4, &|_| 0))), NOTHING);
}
