//! Whether the agent repeats itself. A run asks before each of its steps, under the state lock.
//!
//! Stands for `StuckDetector` (`sdk/conversation/stuck_detector.py`) with its default thresholds. A finish event stands
//! for the agent's final action and its observation, which are equal if their texts are. The patterns of other actions
//! and observations are left out: two tool calls are taken to differ.

use crate::observation::Event;
use crate::terms::EventKind;

use super::decision::StuckCheck;

/// How many of the last events are looked at (`MAX_EVENTS_TO_SCAN_FOR_STUCK_DETECTION`).
const WINDOW: usize = 20;
/// How many equal pairs of an action and an observation are a loop.
const ACTION_OBSERVATION: usize = 4;
/// How many messages of the agent on end are a monologue.
const MONOLOGUE: usize = 3;

/// Whether the events say that the agent repeats itself.
pub(super) fn is_stuck(events: &[Event], check: StuckCheck) -> bool {
    let events = window(events);
    let progress = |event: &Event| match event.kind {
        EventKind::UserMessage => true,
        EventKind::Finish => check == StuckCheck::SinceFinish,
        _ => false,
    };
    let since = events.iter().rposition(progress).map_or(0, |place| place + 1);
    repeats_its_turn(&events[since..]) || is_monologue(&events[since..])
}

fn window(events: &[Event]) -> &[Event] {
    let mut looked_at = 0;
    let first_too_many = events.iter().rposition(|event| {
        looked_at += if event.kind == EventKind::Finish { 2 } else { 1 };
        looked_at > WINDOW
    });
    &events[first_too_many.map_or(0, |place| place + 1)..]
}

fn repeats_its_turn(events: &[Event]) -> bool {
    let ends = events.iter().rev().filter(|event| event.kind == EventKind::Finish);
    let ends: Vec<&Event> = ends.take(ACTION_OBSERVATION).collect();
    ends.len() == ACTION_OBSERVATION && ends.iter().all(|end| end.text == ends[0].text)
}

fn is_monologue(events: &[Event]) -> bool {
    events.iter().rev().take_while(|event| event.kind == EventKind::AgentMessage).count() >= MONOLOGUE
}

#[cfg(test)]
mod tests {
    use super::{EventKind, StuckCheck, is_stuck};
    use crate::observation::Event;

    fn log(kinds: &[(EventKind, &str)]) -> Vec<Event> {
        let event = |(kind, text): &(EventKind, &str)| Event {
            kind: *kind,
            text: (*text).to_owned(),
            tool: None,
            thread: String::new(),
        };
        kinds.iter().map(event).collect()
    }

    const TOLD: (EventKind, &str) = (EventKind::UserMessage, "first");
    const DONE: (EventKind, &str) = (EventKind::Finish, "done");
    const FAILED: (EventKind, &str) = (EventKind::AgentMessage, "timed out");
    const ERROR: (EventKind, &str) = (EventKind::Error, "ACPPromptError");

    #[test]
    fn three_messages_of_the_agent_on_end_are_a_monologue() {
        for check in [StuckCheck::SinceFinish, StuckCheck::SinceMessage] {
            assert!(is_stuck(&log(&[TOLD, FAILED, FAILED, FAILED]), check));
            assert!(!is_stuck(&log(&[TOLD, FAILED, FAILED]), check));
            assert!(!is_stuck(&log(&[FAILED, FAILED, TOLD, FAILED]), check));
            assert!(!is_stuck(&log(&[TOLD, FAILED, FAILED, FAILED, ERROR]), check), "an error ends it");
        }
    }

    #[test]
    fn four_turns_that_end_alike_are_a_loop_unless_each_counts_as_progress() {
        let alike = log(&[TOLD, DONE, DONE, DONE, DONE]);
        assert!(is_stuck(&alike, StuckCheck::SinceMessage));
        assert!(!is_stuck(&alike, StuckCheck::SinceFinish));
        let other = (EventKind::Finish, "other");
        assert!(!is_stuck(&log(&[TOLD, DONE, DONE, DONE, other]), StuckCheck::SinceMessage));
        assert!(!is_stuck(&log(&[TOLD, DONE, DONE, DONE]), StuckCheck::SinceMessage));
    }

    #[test]
    fn turns_out_of_the_window_do_not_count() {
        let card = (EventKind::ToolCall, "t1");
        let turn = [card, card, card, card, card, DONE];
        let turns: Vec<_> = std::iter::repeat_n(turn, 4).flatten().collect();
        assert!(!is_stuck(&log(&turns), StuckCheck::SinceMessage));
        let short: Vec<_> = std::iter::repeat_n([card, card, card, card, DONE], 4).flatten().collect();
        assert!(is_stuck(&log(&short), StuckCheck::SinceMessage));
    }
}
