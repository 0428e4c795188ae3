//! `usage-kept-apart`: holds what was counted under each usage id against what each LLM answered.

use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, ServerEntry};

/// What an LLM uses is counted under its own usage id.
pub struct UsageKeptApart;

/// The usage id of each LLM, and the line on which it is asked.
const LLMS: [(&str, &str); 2] = [("default", "llm"), ("condenser", "condenser")];

impl Rule for UsageKeptApart {
    fn name(&self) -> &'static str {
        "usage-kept-apart"
    }

    fn title(&self) -> &'static str {
        "what an LLM uses is counted under its own usage id"
    }

    fn page(&self) -> &'static str {
        "An agent and its condenser have an LLM each. Their usage is counted by usage id, `default` and `condenser`, and \
that is what a user is shown, and billed. If both register under one id, the condenser's completions are counted as the \
agent's.

It breaks when more completions were counted under a usage id than its LLM has answered. A completion that was answered \
and not counted, since its turn was cancelled, does not break it.

Source: R04 `shared-usage-id`, #3368, checked by the QA of #3376."
    }

    fn judge(&self, seen: &Observations, _: &Context) -> Vec<Violation> {
        let too_much = LLMS.iter().filter_map(|(usage_id, line)| {
            let counted = seen.usage.get(*usage_id).copied().unwrap_or_default();
            let answers: Vec<usize> = answers(seen, line).collect();
            (counted as usize > answers.len()).then(|| Violation {
                rule: self.name(),
                side: Side::Client,
                message: format!(
                    "{counted} completions were counted under {usage_id:?}, whose LLM has answered {}",
                    answers.len()
                ),
                marks: answers.into_iter().map(Mark::Server).collect(),
            })
        });
        too_much.collect()
    }
}

/// Where the LLM of this line has answered.
fn answers<'a>(seen: &'a Observations, line: &'a str) -> impl Iterator<Item = usize> + 'a {
    let places = seen.server.iter().enumerate();
    places.filter_map(move |(place, entry)| match entry {
        ServerEntry::Answered { session, .. } if session == line => Some(place),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::UsageKeptApart;
    use crate::observation::{Observations, ServerEntry};
    use crate::rules::Rule;
    use crate::rules::testkit::*;
    use crate::scenario::StopReason;

    fn answered_by(line: &str) -> ServerEntry {
        let (session, text) = (line.to_owned(), "first".to_owned());
        ServerEntry::Answered { process: 0, session, text, reason: StopReason::EndTurn }
    }

    fn counted(usage: &[(&str, u32)]) -> Observations {
        let usage = usage.iter().map(|(id, count)| ((*id).to_owned(), *count)).collect();
        Observations { usage, ..seen(vec![], vec![answered_by("condenser"), answered_by("llm")]) }
    }

    #[test]
    fn a_completion_counted_for_another_llm_breaks_it() {
        assert_eq!(
            breaks(&UsageKeptApart, &counted(&[("default", 2)])),
            "2 completions were counted under \"default\", whose LLM has answered 1"
        );
        assert_eq!(UsageKeptApart.judge(&counted(&[("default", 2)]), &native()).len(), 1);
    }

    #[test]
    fn each_under_its_own_and_one_that_was_not_counted_are_fine() {
        holds(&UsageKeptApart, &counted(&[("default", 1), ("condenser", 1)]));
        holds(&UsageKeptApart, &counted(&[("condenser", 1)]));
    }
}
