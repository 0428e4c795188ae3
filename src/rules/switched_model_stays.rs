//! `switched-model-stays`: reads the models that the server was given, and what the switches returned.

use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Call, CallKind, Observations, ServerEntry};
use crate::scenario::Need;

/// A session that is loaded again has the model that it was switched to.
pub struct SwitchedModelStays;

impl Rule for SwitchedModelStays {
    fn name(&self) -> &'static str {
        "switched-model-stays"
    }

    fn title(&self) -> &'static str {
        "a session that is loaded again has the model that it was switched to"
    }

    fn page(&self) -> &'static str {
        "A model belongs to a process of the server: one that is started anew begins with the model it was configured with, and \
the client gives the session that it loads there the one that a user has chosen since. A restart that comes between the server's \
answer to a switch and the client's note of it knows nothing of the switch; the user was told that all went well, and goes on with \
another model than the one he has chosen.

It breaks when, with no thread left to move, the last process has loaded a session, was not ended before its first prompt and was not asked for the model that an earlier \
process was last asked for, though the switch to it returned well. It does not break if the conversation was reloaded, since the \
program that takes it up names its model anew.

Source: N30 `switch-lost-in-restart`, found by turnloom in openhands-sdk 1.25.0."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Acp]
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let mut chosen = None;
        let mut lost = None;
        for (place, entry) in seen.server.iter().enumerate() {
            match entry {
                ServerEntry::SetModel { model, .. } => (chosen, lost) = (Some(model), None),
                ServerEntry::Load { process, loaded: true, .. } => lost = Some((place, *process)),
                ServerEntry::New { .. } => lost = None,
                // A start that is cancelled ends its process before it comes to be told.
                ServerEntry::Ended { process } => {
                    lost = lost.filter(|(loaded, began)| {
                        let is_prompt = |entry: &ServerEntry| matches!(entry, ServerEntry::Prompt { .. });
                        began != process || seen.server[*loaded..place].iter().any(is_prompt)
                    });
                }
                _ => {}
            }
        }
        let calls = || seen.calls.values().flatten();
        let returned_well = |model: &str| {
            let is_switch = |call: &Call| matches!(&call.call, CallKind::SwitchModel(to) if to == model);
            calls().any(|call| is_switch(call) && call.went_well())
        };
        let is_reloaded = calls().any(|call| call.call == CallKind::Reload);
        match (chosen, lost) {
            (Some(model), Some((place, process)))
                if seen.stuck.is_none() && !is_reloaded && returned_well(model) =>
            {
                vec![Violation {
                    rule: self.name(),
                    side: Side::Client,
                    message: format!(
                        "process {process} goes on without model {model}, to which a user has switched"
                    ),
                    marks: vec![Mark::Server(place)],
                }]
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SwitchedModelStays;
    use crate::observation::{Call, Observations, ServerEntry};
    use crate::rules::testkit::*;

    fn set(process: u32, model: &str) -> ServerEntry {
        ServerEntry::SetModel { process, session: "s1".into(), model: model.into() }
    }

    fn load(process: u32, loaded: bool) -> ServerEntry {
        ServerEntry::Load { process, session: "s1".into(), loaded }
    }

    fn switched(server: Vec<ServerEntry>, calls: &[(&str, &str)]) -> Observations {
        let mut seen = seen(vec![], server);
        let call =
            |(call, returned): &(&str, &str)| Call { call: (*call).into(), returned: (*returned).to_owned() };
        seen.calls.insert("bob".into(), calls.iter().map(call).collect());
        seen
    }

    const OK: (&str, &str) = ("switch_model \"m2\"", "ok");

    #[test]
    fn a_process_that_is_not_given_the_model_breaks_it() {
        let seen = switched(vec![set(1, "m2"), ended(), load(2, true)], &[OK]);
        assert_eq!(
            breaks(&SwitchedModelStays, &seen),
            "process 2 goes on without model m2, to which a user has switched"
        );
        assert_eq!(broken(&seen), ["switched-model-stays"].into());
    }

    #[test]
    fn a_process_that_is_given_it_or_replaced_is_right() {
        holds(&SwitchedModelStays, &switched(vec![set(1, "m2"), load(2, true), set(2, "m2")], &[OK]));
        holds(
            &SwitchedModelStays,
            &switched(vec![set(1, "m2"), load(2, true), load(3, true), set(3, "m2")], &[OK]),
        );
        holds(&SwitchedModelStays, &switched(vec![load(2, true), set(2, "m2")], &[OK]));
    }

    #[test]
    fn a_process_that_is_ended_before_its_first_prompt_goes_on_with_nothing() {
        let end = || ServerEntry::Ended { process: 2 };
        holds(&SwitchedModelStays, &switched(vec![set(1, "m2"), load(2, true), end()], &[OK]));
        let prompt = ServerEntry::Prompt { process: 2, session: "s1".into(), text: "a".into() };
        let seen = switched(vec![set(1, "m2"), load(2, true), prompt, end()], &[OK]);
        assert!(broken(&seen).contains("switched-model-stays"));
    }

    #[test]
    fn a_switch_that_failed_and_a_session_that_is_lost_or_reloaded_ask_for_nothing() {
        let server = || vec![set(1, "m2"), load(2, true)];
        holds(&SwitchedModelStays, &switched(server(), &[(OK.0, "ACPRequestError")]));
        holds(&SwitchedModelStays, &switched(server(), &[OK, ("reload", "ok")]));
        holds(&SwitchedModelStays, &switched(vec![set(1, "m2"), load(2, false)], &[OK]));
    }
}
