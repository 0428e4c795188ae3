//! `superseded-prompt-is-not-repeated`: reads which message each step was given, and who asked for what meanwhile.

use super::facts::{Answer, Turn, messages, turns};
use super::service_log::{Asked, asked, began};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Observations, ServiceEntry, StepSeen};
use crate::scenario::{EventKind, Need, StopReason};

/// A message whose prompt was superseded is not prompted again.
pub struct SupersededPromptIsNotRepeated;

impl Rule for SupersededPromptIsNotRepeated {
    fn name(&self) -> &'static str {
        "superseded-prompt-is-not-repeated"
    }

    fn title(&self) -> &'static str {
        "a message whose prompt a newer message with run=true has cancelled is not prompted again"
    }

    fn page(&self) -> &'static str {
        "Who sends a message with `run=true` while the agent is at work takes the older message's place: its prompt is \
cancelled, and the newer message is prompted next. An older message that comes back first is what nobody asked for any \
more, and the newer one waits behind it. After a user's stop it is otherwise: there the interrupted message is prompted again.

It breaks when a message with `run=true` is sent after a run began, the run's first step, with an older one, is cut short and its \
prompt cancelled, no user has stopped the conversation since, and a later run prompts the older message again. For ACP \
agents through the service.

Source: N20 `restart-loses-supersede`, found by turnloom in openhands-sdk 1.25.0; the cursor is said to move over a \
superseded prompt in `LocalConversation.arun`."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Service, Need::Acp]
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        let failed = seen.events.iter().any(|event| event.kind == EventKind::Error);
        if !context.acp || failed {
            return Vec::new();
        }
        let turns = turns(seen);
        let violation = |(cancelled, again): (&Turn<'_>, &Turn<'_>)| {
            let newer = superseded_by(seen, cancelled)?;
            Some(Violation {
                rule: self.name(),
                side: Side::Client,
                message: format!(
                    "message {:?} was prompted again, though {newer:?} had taken its place",
                    again.text
                ),
                marks: vec![Mark::Server(cancelled.read), Mark::Server(again.read)],
            })
        };
        // The last prompt of each message, with the one before it.
        let pairs = turns.iter().enumerate().filter_map(|(place, again)| {
            let same = |turn: &&Turn<'_>| turn.text == again.text;
            let is_last = !turns[place + 1..].iter().any(|turn| same(&turn));
            Some((turns[..place].iter().rfind(same).filter(|_| is_last)?, again))
        });
        pairs.filter(|(turn, again)| was_cancelled(seen, turn, again)).filter_map(violation).collect()
    }
}

/// Whether a turn was cancelled before its message was prompted again, and neither completed nor failed.
fn was_cancelled(seen: &Observations, turn: &Turn<'_>, again: &Turn<'_>) -> bool {
    let is_open = matches!(turn.answer, None | Some((_, Answer::Reason(StopReason::Cancelled))));
    is_open && seen.server[turn.read..again.read].iter().any(|entry| turn.is_cancelled_by(entry))
}

/// The message with a run that took the place of a cancelled turn. Nobody else has cancelled it if its step was cut short, as
/// none is by a limit, and nobody has stopped the conversation since its run began.
fn superseded_by<'a>(seen: &'a Observations, turn: &Turn<'_>) -> Option<&'a str> {
    let is_given = |step: &StepSeen| step.message.as_deref() == Some(turn.text);
    // The last run with this message has the prompt that came again, the one before it the cancelled one.
    let run = seen.runs.iter().rev().filter(|run| run.steps.iter().any(is_given)).nth(1)?;
    // A cancel that was meant for an earlier step comes late, so only the first step of a run counts.
    let step = run.steps.iter().rfind(|step| is_given(step))?;
    if step.ended.is_some() || run.steps.first() != Some(step) {
        return None;
    }
    let (begin, _) = *began(seen).get(usize::try_from(run.number).ok()?.checked_sub(1)?)?;
    let messages = messages(seen);
    let older = messages.iter().position(|(_, text)| *text == turn.text)?;
    let is_newer = |asked: &Asked<'_>| messages[older + 1..].iter().any(|(_, text)| *text == asked.text);
    let newer = asked(seen).into_iter().find(|asked| asked.run && asked.place > begin && is_newer(asked))?;
    (!seen.service[begin..].iter().any(ServiceEntry::is_stop)).then_some(newer.text)
}

#[cfg(test)]
mod tests {
    use super::SupersededPromptIsNotRepeated;
    use crate::observation::{Observations, ServerEntry, ServiceEntry};
    use crate::rules::Rule;
    use crate::rules::testkit::*;
    use crate::scenario::{Status, StopReason};

    /// Two runs that are both given `first`, with `second` sent behind the first step.
    fn repeated(service: Vec<ServiceEntry>, server: Vec<ServerEntry>) -> Observations {
        let mut again = run(2, "loop", &[(Some("first"), None), (Some("second"), None)]);
        again.steps.iter_mut().for_each(|step| step.after = 2);
        let runs = vec![run(1, "loop", &[(Some("first"), None)]), again];
        Observations {
            service,
            runs,
            ..seen(vec![user("first"), user("second"), finish(), finish()], server)
        }
    }

    fn sent() -> Vec<ServiceEntry> {
        vec![message("first", true), began_by_message(), message("second", true), began_by_message()]
    }

    fn cancelled() -> Vec<ServerEntry> {
        let cancel = ServerEntry::Cancel { process: 1, session: "s1".into() };
        vec![
            prompt("first"),
            cancel,
            answered("first", StopReason::Cancelled),
            prompt("first"),
            completed("first"),
            prompt("second"),
            completed("second"),
        ]
    }

    #[test]
    fn a_superseded_message_that_comes_back_breaks_it() {
        let seen = repeated(sent(), cancelled());
        assert_eq!(
            breaks(&SupersededPromptIsNotRepeated, &seen),
            "message \"first\" was prompted again, though \"second\" had taken its place"
        );
        assert_eq!(broken(&seen), ["superseded-prompt-is-not-repeated"].into());
        assert_eq!(SupersededPromptIsNotRepeated.judge(&seen, &native()), []);
    }

    #[test]
    fn after_a_stop_or_without_a_run_it_may_come_back() {
        let mut stopped = sent();
        stopped.insert(2, ServiceEntry::Stop);
        holds(&SupersededPromptIsNotRepeated, &repeated(stopped, cancelled()));
        let mut quiet = sent();
        quiet[2] = message("second", false);
        holds(&SupersededPromptIsNotRepeated, &repeated(quiet, cancelled()));
    }

    #[test]
    fn an_older_message_takes_no_place_and_a_limit_is_no_message() {
        let mut early = repeated(sent(), cancelled());
        early.events.swap(0, 1);
        holds(&SupersededPromptIsNotRepeated, &early);
        let mut limited = repeated(sent(), cancelled());
        limited.runs[0].steps[0].ended = Some(Status::Error);
        holds(&SupersededPromptIsNotRepeated, &limited);
    }

    #[test]
    fn a_prompt_that_nobody_cancelled_or_that_was_completed_does_not_count() {
        let mut served = cancelled();
        served.remove(1);
        holds(&SupersededPromptIsNotRepeated, &repeated(sent(), served));
        let mut done = cancelled();
        done[2] = completed("first");
        assert_eq!(SupersededPromptIsNotRepeated.judge(&repeated(sent(), done), &acp()), []);
    }
}
