//! `asked-run-happens`: holds the messages that were sent with a run against the prompts.

use super::facts::{Answer, Turn, has_closed, is_paused_in_turn, is_paused_since, messages, turns};
use super::service_log::{Asked, are_runs_granted, asked, asks_for_run, began, stays_stopped, stopped_after};
use super::{Context, Mark, Rule, Side, Violation};
use crate::observation::{Cause, Observations, ServiceEntry};
use crate::scenario::{Need, Status, StopReason};

/// A message sent with run=true gets its turn.
pub struct AskedRunHappens;

impl Rule for AskedRunHappens {
    fn name(&self) -> &'static str {
        "asked-run-happens"
    }

    fn title(&self) -> &'static str {
        "a message sent with run=true gets its turn, unless a user stops or a newer one takes its place"
    }

    fn page(&self) -> &'static str {
        "`run=true` is a promise: the agent will be told this message, and nobody needs to ask again. If the old run \
is still coming to its end, the new one has to wait, but it must not be forgotten; if an older prompt is interrupted \
to make room, the message's own prompt must not be the one that is hit.

It breaks when, with no thread left to move and no error, a message sent with `run=true` was never prompted, or each of \
its prompts was answered `cancelled` and no newer message with `run=true` explains why. It does not break if a user's \
pause, interrupt or close came after the message (one that found the conversation finished has stopped nothing and is no excuse) and no run was asked for since that began with the message in the log, nor if the pause that a user had asked for before takes effect after \
it, nor while the run is still on, be it paused in a turn without an answer, nor when the service is \
closed, nor if the message was never prompted and a run that began for a message after it has taken all its permitted steps, \
which leaves the message to a further run. A native agent's LLM call carries all \
messages before it, so there a call with a newer message counts as well. A message that a finished conversation left \
behind breaks `nothing-stranded-after-finish` instead.

Source: R20 `rerun-lost-on-pause`, #3376 round 5; R40 `supersede-cancels-replacement` and R41 \
`message-stranded-in-tail`, #3376 merged code; N11 `run-after-stop-forgotten` and \
N22 `rerun-lost-on-confirmation`, 1.25.0; N28 `ended-run-refuses-run` and N31 `supersede-cancels-own-prompt`, 1.25.0; P01 `late-stop-loses-run`, #3557."
    }

    fn needs(&self) -> &'static [Need] {
        &[Need::Service]
    }

    fn judge(&self, seen: &Observations, context: &Context) -> Vec<Violation> {
        let went_on = matches!(seen.end.status, Status::Running | Status::Error);
        if seen.stuck.is_some() || went_on || has_closed(seen) {
            return Vec::new();
        }
        let (turns, messages, asked) = (turns(seen), messages(seen), asked(seen));
        if context.acp && is_paused_in_turn(&turns, seen) {
            return Vec::new();
        }
        let mut violations = Vec::new();
        for (at, &(place, text)) in messages.iter().enumerate() {
            let wanted = |asked: &&Asked<'_>| asked.text == text && asked.run;
            let Some(own) = asked.iter().find(wanted) else { continue };
            let tells = |turn: &&Turn<'_>| {
                turn.text == text || (!context.acp && messages[at..].iter().any(|later| later.1 == turn.text))
            };
            let told: Vec<_> = turns.iter().filter(tells).collect();
            let takes_place =
                |other: &Asked<'_>| other.run && messages[at + 1..].iter().any(|later| later.1 == other.text);
            let newer = asked.iter().any(takes_place);
            let replaced = newer && was_cut_short(seen, text);
            let what = match told.iter().all(|turn| was_cancelled(turn)) {
                true if told.is_empty() && seen.end.status != Status::Finished && !replaced => {
                    "was never prompted"
                }
                true if !told.is_empty() && !newer => "had its own prompt cancelled, and no other",
                _ => continue,
            };
            let limited = told.is_empty() && reached_limit(seen, context, own.place);
            let stopped = stays_stopped(seen, own.place) || revoked_in_flight(seen, own.place, place);
            if limited || stopped || paused_late(seen, place) {
                continue;
            }
            let prompts = told.iter().map(|turn| Mark::Server(turn.read));
            violations.push(Violation {
                rule: self.name(),
                side: Side::Client,
                message: format!("message {text:?} was sent with run=true, but {what}"),
                marks: [Mark::Event(place)].into_iter().chain(prompts).collect(),
            });
        }
        violations
    }
}

/// Whether a step with this message was cut short, be it before its prompt had left.
fn was_cut_short(seen: &Observations, text: &str) -> bool {
    let mut steps = seen.runs.iter().flat_map(|run| &run.steps);
    steps.any(|step| step.message.as_deref() == Some(text) && step.ended.is_none())
}

/// Whether a stop has revoked the run of the message at this place of the book, and what was asked for last was served before the
/// message was in the log, at that place: by runs that began before that, or, if it was a message, by the run that was on and
/// prompted it. Then no run that was asked for could have taken it.
fn revoked_in_flight(seen: &Observations, asked: usize, message: usize) -> bool {
    let granted = are_runs_granted(seen);
    let asks = |entry: &ServiceEntry| asks_for_run(entry) && (granted || *entry != ServiceEntry::Run);
    let Some(last_asked) = seen.service.iter().rposition(asks) else { return false };
    let mut since = (1..).zip(began(seen)).filter(|(_, (place, _))| *place > last_asked).peekable();
    let began_before = |number: u32| seen.runs.iter().any(|run| run.number == number && run.after <= message);
    let is_told = |text: &str| turns(seen).iter().any(|turn| turn.text == text);
    let is_served = since.peek().is_some()
        || matches!(&seen.service[last_asked], ServiceEntry::Message { text, .. } if is_told(text));
    stopped_after(seen, asked) && is_served && since.all(|(number, _)| began_before(number))
}

/// Whether a pause took effect after this event; one that nobody asked for is no excuse.
fn paused_late(seen: &Observations, message: usize) -> bool {
    stopped_after(seen, 0) && is_paused_since(seen, message)
}

/// Whether a run that began for a message after this place of the book took all its permitted steps, which leaves the rest
/// to a further run. One that was asked for by a call of `run` keeps no promise of a message's.
fn reached_limit(seen: &Observations, context: &Context, place: usize) -> bool {
    let keeps_promise = |(began, by): &(usize, Cause)| *began > place && *by != Cause::Run;
    let runs = (1..).zip(began(seen)).filter(|(_, began)| keeps_promise(began));
    let took_all = |number: u32| {
        let mut runs = seen.runs.iter().filter(|run| run.number == number);
        runs.any(|run| run.steps.len() >= context.limits.iterations as usize)
    };
    runs.into_iter().any(|(number, _)| took_all(number))
}

fn was_cancelled(turn: &Turn<'_>) -> bool {
    matches!(turn.answer, Some((_, Answer::Reason(StopReason::Cancelled))))
}

#[cfg(test)]
mod tests {
    use super::AskedRunHappens;
    use crate::observation::{Call, Cause, Observations, ServerEntry, ServiceEntry};
    use crate::rules::Rule;
    use crate::rules::testkit::*;
    use crate::scenario::{Status, StopReason};

    fn ended(status: Status, server: Vec<ServerEntry>, service: Vec<ServiceEntry>) -> Observations {
        let mut seen = seen(vec![user("first"), finish(), user("second")], server);
        seen.end.status = status;
        Observations { service, ..seen }
    }

    fn both() -> Vec<ServiceEntry> {
        vec![message("first", true), began_by_message(), message("second", true)]
    }

    fn first() -> Vec<ServerEntry> {
        vec![prompt("first"), completed("first")]
    }

    #[test]
    fn a_message_that_is_never_prompted_breaks_it() {
        for status in [Status::Idle, Status::Paused] {
            let seen = ended(status, first(), both());
            assert_eq!(
                breaks(&AskedRunHappens, &seen),
                "message \"second\" was sent with run=true, but was never prompted"
            );
            assert_eq!(broken(&seen), ["asked-run-happens"].into());
        }
        let finished = ended(Status::Finished, first(), both());
        assert_eq!(broken(&finished), ["nothing-stranded-after-finish"].into());
    }

    #[test]
    fn a_message_whose_own_prompt_is_cancelled_breaks_it() {
        let cancelled = |text| vec![prompt(text), answered(text, StopReason::Cancelled)];
        let seen = ended(Status::Finished, [first(), cancelled("second")].concat(), both());
        assert_eq!(
            breaks(&AskedRunHappens, &seen),
            "message \"second\" was sent with run=true, but had its own prompt cancelled, and no other"
        );
        assert_eq!(broken(&seen), ["asked-run-happens"].into());
        let again = vec![prompt("second"), completed("second")];
        let retried = [first(), cancelled("second"), again].concat();
        holds(&AskedRunHappens, &ended(Status::Finished, retried, both()));
        let replaced = [cancelled("first"), vec![prompt("second"), completed("second")]].concat();
        holds(&AskedRunHappens, &ended(Status::Finished, replaced, both()));
    }

    #[test]
    fn a_newer_message_is_one_that_is_further_down_the_log() {
        // The service was handed `second` first, and its worker was the slower one.
        let service = vec![message("second", true), message("first", true), began_by_message()];
        let cancelled = vec![prompt("first"), answered("first", StopReason::Cancelled), prompt("second")];
        holds(&AskedRunHappens, &ended(Status::Finished, cancelled, service));
    }

    #[test]
    fn a_message_whose_step_a_newer_one_cut_short_need_not_be_prompted() {
        let third = vec![message("first", true), began_by_message(), message("second", true)];
        let mut seen = ended(Status::Idle, vec![prompt("second"), completed("second")], third);
        seen.events.remove(1);
        breaks(&AskedRunHappens, &seen);
        let finished = Some(Status::Finished);
        seen.runs =
            vec![run(1, "loop", &[(Some("first"), None)]), run(2, "loop", &[(Some("second"), finished)])];
        holds(&AskedRunHappens, &seen);
    }

    #[test]
    fn a_message_without_a_run_or_with_a_stop_after_it_may_wait() {
        let quiet = vec![message("first", true), began_by_message(), message("second", false)];
        holds(&AskedRunHappens, &ended(Status::Idle, first(), quiet));
        let stopped = [both(), vec![ServiceEntry::Stop]].concat();
        holds(&AskedRunHappens, &ended(Status::Paused, first(), stopped));
        let before = [vec![ServiceEntry::Stop], both()].concat();
        breaks(&AskedRunHappens, &ended(Status::Paused, first(), before));
        for status in [Status::Running, Status::Error] {
            holds(&AskedRunHappens, &ended(status, first(), both()));
        }
    }

    #[test]
    fn a_run_that_is_asked_for_after_a_stop_is_asked_for() {
        let stopped = [both(), vec![ServiceEntry::Stop]].concat();
        let again = [stopped.clone(), vec![ServiceEntry::Run]].concat();
        let mut seen = ended(Status::Paused, first(), again);
        assert_eq!(
            breaks(&AskedRunHappens, &seen),
            "message \"second\" was sent with run=true, but was never prompted"
        );
        let refused = Call { call: "run".into(), returned: "ValueError".into() };
        seen.calls = [("ann".to_owned(), vec![refused])].into();
        holds(&AskedRunHappens, &seen);

        let begun =
            [stopped.clone(), vec![ServiceEntry::Run, ServiceEntry::Began { by: Cause::Run }]].concat();
        let mut early = ended(Status::Idle, first(), begun);
        early.runs = vec![run(1, "loop", &[]), run(2, "loop", &[])];
        early.runs[1].after = 2;
        holds(&AskedRunHappens, &early);
        early.runs[1].after = 3;
        breaks(&AskedRunHappens, &early);

        let accepted = [stopped.clone(), vec![ServiceEntry::Accept { waiting: true }]].concat();
        holds(&AskedRunHappens, &ended(Status::Idle, first(), accepted));
        let mut third = ended(Status::Paused, first(), [stopped, vec![message("third", true)]].concat());
        third.events.push(user("third"));
        let told = AskedRunHappens.judge(&third, &acp());
        assert_eq!(told.len(), 2, "both wait for a run that was asked for after the stop: {told:#?}");
    }

    #[test]
    fn a_pause_that_a_user_asked_for_before_may_take_effect_after_the_message() {
        let stopped = [vec![ServiceEntry::Stop], both()].concat();
        let mut seen = ended(Status::Paused, first(), stopped);
        seen.events.push(pause());
        holds(&AskedRunHappens, &seen);
        seen.service = both();
        breaks(&AskedRunHappens, &seen);
    }

    #[test]
    fn one_llm_call_carries_all_messages_before_it() {
        let newest = vec![prompt("second"), completed("second")];
        assert_eq!(AskedRunHappens.judge(&ended(Status::Paused, newest, both()), &native()), []);
        assert_eq!(AskedRunHappens.judge(&ended(Status::Idle, first(), both()), &native()).len(), 1);
    }
}
