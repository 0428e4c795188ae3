//! The threads of an execution that are not done, each with what of the scenario's would end its waiting.

use crate::engine::kernel::{NotedTimer, Record};
use crate::engine::trace::Unfinished;
use crate::observation::{ClockOf, Need, Place, Since, Waiting};
use crate::scenario::{ClockStep, EventSeen, FrameSeen, Happening, Step};
use crate::terms::{ThreadRole, Timer, word};

use super::world::World;
use crate::harness::conditions::event_seen;

impl World {
    /// Every thread that is not done, but for daemons that nothing waits for.
    pub(super) fn waiting(&self, record: Record<'_>) -> Vec<Waiting> {
        let thread = |thread: Unfinished| {
            let needs = self.needs(&thread, record.is_detailed());
            let is_idle = thread.idle && thread.waits_for.is_empty() && needs.is_empty();
            let place = match ThreadRole::of(&thread.thread) {
                Some(ThreadRole::Server) => self.waiting_reactions(),
                _ => thread.place.into_iter().map(Place::from).collect(),
            };
            (!is_idle).then_some(Waiting {
                step: self.step_of(&thread.thread).map(|step| step + 1),
                thread: thread.thread,
                place,
                operation: thread.operation.into(),
                holds: thread.holds,
                waits_for: thread.waits_for,
                needs,
            })
        };
        let mut threads: Vec<Waiting> = record.unfinished().into_iter().filter_map(thread).collect();
        threads.sort();
        threads
    }

    /// The step that an actor or the clock is in, counted from 0.
    fn step_of(&self, thread: &str) -> Option<usize> {
        let player = self.players.iter().find(|player| player.name == thread);
        let has_part = !self.clock.races && !self.clock.steps.is_empty();
        let clock = (thread == ThreadRole::Clock.name() && has_part).then_some(&self.clock.at);
        player.map(|player| &player.at).or(clock).map(|at| at.get())
    }

    fn needs(&self, thread: &Unfinished, detailed: bool) -> Vec<Need> {
        let role = ThreadRole::of(&thread.thread);
        let mut needs: Vec<Need> = self.steps_need(&thread.thread).into_iter().collect();
        if role == Some(ThreadRole::Server) {
            let waits = self.server.waits();
            needs.extend(waits.iter().filter_map(|(_, happening)| self.missing(happening)));
        }
        if thread.waits_for.iter().any(|name| name == ThreadRole::Server.name()) {
            needs.extend(self.server.silence());
        }
        if role == Some(ThreadRole::Loop) {
            needs.extend(
                self.server
                    .held_gates()
                    .into_iter()
                    .map(|gate| Need::Subscriber { openers: self.server.openers(&gate), gate }),
            );
        }
        let timers = self.timers.noted();
        let own = timers.iter().filter(|timer| *timer.thread == *thread.thread);
        for timer in own.filter_map(|timer| self.timer(timer, detailed)) {
            if !needs.contains(&timer) {
                needs.push(timer);
            }
        }
        needs
    }

    /// What the step that an actor or the clock is in waits for.
    fn steps_need(&self, thread: &str) -> Option<Need> {
        let at = self.step_of(thread)?;
        match self.players.iter().find(|player| player.name == thread) {
            Some(player) => match player.does.get(at)? {
                Step::Wait(happening) => self.missing(happening),
                _ => None,
            },
            None => match self.clock.steps.get(at)? {
                ClockStep::Wait(happening) => self.missing(happening),
                ClockStep::Fire(timer) => self.unarmed(*timer),
            },
        }
    }

    fn unarmed(&self, timer: Timer) -> Option<Need> {
        let name = timer.name();
        let is_armed = self.timers.noted().iter().any(|noted| noted.name == name);
        (!is_armed).then(|| Need::Unarmed { timer: name.to_owned() })
    }

    /// A timer that is armed, and what the clock does about it; none where all timers fire by themselves.
    fn timer(&self, timer: &NotedTimer, detailed: bool) -> Option<Need> {
        if self.clock.races {
            return None;
        }
        let fires = |step: &ClockStep| matches!(step, ClockStep::Fire(fired) if fired.name() == timer.name);
        let (steps, at) = (&self.clock.steps, self.clock.at.get());
        let clock = match (steps.iter().skip(at).position(fires), steps.iter().take(at).any(fires)) {
            (Some(later), _) => ClockOf::Later(at + later + 1),
            (None, true) => ClockOf::Spent,
            (None, false) => ClockOf::Never,
        };
        let since = Since::step(timer.step.filter(|_| detailed));
        Some(Need::Timer { timer: timer.name.to_owned(), clock, since })
    }

    /// What a happening lacks; none if it is the case.
    fn missing(&self, happening: &Happening) -> Option<Need> {
        let state = self.conversation.state();
        match happening {
            Happening::Gate(gate) if self.server.is_open(gate) => None,
            Happening::Gate(gate) => {
                Some(Need::Gate { gate: gate.clone(), openers: self.server.openers(gate) })
            }
            Happening::Frame(frame) => {
                let read = self.server.frames_read(frame);
                let lacks = read < frame.count as usize;
                lacks.then(|| Need::Frame { frame: frame_in_words(frame), read, wanted: frame.count })
            }
            Happening::Status(wanted) => {
                let is = state.execution_status.inspect(|status| *status);
                (is != *wanted).then(|| Need::Status { wanted: word(wanted), is: word(&is) })
            }
            Happening::Event(wanted) => {
                let held = state.events.inspect(|events| {
                    let enough = |count| event_seen(events, &EventSeen { count, ..wanted.clone() });
                    (1..=wanted.count).take_while(|count| enough(*count)).count()
                });
                let lacks = held < wanted.count as usize;
                lacks.then(|| Need::Event { event: event_in_words(wanted), held, wanted: wanted.count })
            }
            Happening::Reply(_) => None,
        }
    }

    /// Where the server is: the waits that its reactions are in.
    fn waiting_reactions(&self) -> Vec<Place> {
        let waits = self.server.waits();
        let place = |who: &str, what| Place::WaitFor(format!("{} in {who}", happening_in_words(what)));
        waits.iter().map(|(who, what)| place(who, what)).collect()
    }
}

/// What a step waits for: `gate "g"`, `frame session/cancel`.
pub(super) fn happening_in_words(happening: &Happening) -> String {
    match happening {
        Happening::Gate(gate) => format!("gate {gate:?}"),
        Happening::Frame(frame) => format!("frame {}", word(&frame.method)),
        Happening::Status(status) => format!("status {}", word(status)),
        Happening::Event(event) => format!("event {}", word(&event.kind)),
        Happening::Reply(reply) => format!("reply to {:?}", reply.to),
    }
}

fn frame_in_words(frame: &FrameSeen) -> String {
    with_text(&word(&frame.method), frame.text.as_deref())
}

fn event_in_words(event: &EventSeen) -> String {
    with_text(&word(&event.kind), event.text.as_deref())
}

fn with_text(what: &str, text: Option<&str>) -> String {
    text.map_or_else(|| what.to_owned(), |text| format!("{what} {text:?}"))
}
