//! Who does what in a scenario that is made of a transcript: as actors told it, or else as the frames of the client
//! show it.

use std::collections::BTreeMap;

use super::asked::{Asked, Outcome};
use super::transcript_replay::{Moment, Story};
use crate::scenario::{Actor, ClockStep, FrameSeen, Happening, Method, Send, Status, Step, Through, Timer};
use crate::terms::ThreadRole;

/// Everybody who acts.
pub(crate) fn actors(story: &Story) -> Vec<Actor> {
    let mut cast = Cast::default();
    if has_told_any(story) {
        as_told(story, &mut cast);
        as_said(story, &mut cast);
    } else if through(story) == Through::Service {
        as_served(story, &mut cast);
        as_said(story, &mut cast);
    } else {
        as_prompted(story, &mut cast);
        as_said(story, &mut cast);
        as_stopped(story, &mut cast);
    }
    as_switched(story, &mut cast);
    let mut waited = None;
    for moment in &story.moments {
        if let Moment::Open(gate, before) = moment {
            if before.is_some() && *before != waited {
                cast.add("tester", before.clone().map(Step::Wait));
            }
            waited = Some(Happening::Gate(gate.clone()));
            cast.add("tester", [Step::Open(gate.clone())]);
        }
    }
    cast.actors
}

/// Whom they call. A message that takes the place of the one in flight is what the event service does with it; the
/// conversation would prompt the interrupted one again, unless it ran synchronously.
pub(crate) fn through(story: &Story) -> Through {
    if is_synchronous(story) {
        return Through::Conversation;
    }
    let mut turns = prompts(story);
    let mut before = turns.next();
    let superseded = turns.any(|turn| before.replace(turn).is_some_and(|before| is_superseded(before, turn)));
    if superseded { Through::Service } else { Through::Conversation }
}

/// Whether an actor told of one of these calls.
fn has_told(story: &Story, calls: &[Step]) -> bool {
    story.moments.iter().any(|moment| matches!(moment, Moment::Call(_, step) if calls.contains(step)))
}

/// Whether runs are synchronous: as actors told, or since one that never returned prompts a message again that was
/// stopped though no actor stopped it. Only a synchronous run goes on behind its limit.
fn is_synchronous(story: &Story) -> bool {
    let mut before: Option<&Asked> = None;
    let goes_on =
        |turn| before.replace(turn).is_some_and(|before| before.is_stopped() && before.on == turn.on);
    has_told(story, &[Step::RunSync])
        || (has_told_any(story)
            && !has_told(story, &[Step::Run, Step::Interrupt, Step::Pause, Step::Close])
            && prompts(story).any(goes_on))
}

fn has_told_any(story: &Story) -> bool {
    story.moments.iter().any(|moment| matches!(moment, Moment::Call(..)))
}

fn is_superseded(turn: &Asked, by: &Asked) -> bool {
    turn.cancel.is_some() && !turn.is_complete() && by.count == 1
}

/// Everybody who acts, in the order in which they come in.
#[derive(Default)]
struct Cast {
    actors: Vec<Actor>,
}

impl Cast {
    fn add(&mut self, name: &str, steps: impl IntoIterator<Item = Step>) {
        let at = self.actors.iter().position(|actor| actor.name == name).unwrap_or_else(|| {
            self.actors.push(Actor { name: name.to_owned(), does: Vec::new() });
            self.actors.len() - 1
        });
        self.actors[at].does.extend(steps);
    }

    /// One who stops the conversation so, behind this.
    fn stop(&mut self, behind: &Happening, step: Step) {
        self.add("stopper", [Step::Wait(behind.clone()), step]);
    }
}

/// One who talks in each conversation: sends what was prompted, and runs the conversation as often as it takes.
fn as_prompted(story: &Story, cast: &mut Cast) {
    let mut conversations: BTreeMap<usize, Vec<&Asked>> = BTreeMap::new();
    for asked in prompts(story) {
        let conversation = story.conversations.get(&asked.session).copied().unwrap_or(0);
        conversations.entry(conversation).or_default().push(asked);
    }
    for (place, turns) in conversations.values().enumerate() {
        let name = if place == 0 { "user".to_owned() } else { format!("user-{}", place + 1) };
        let mut steps = runs(turns, &said(story));
        if let (0, Some(first)) = (place, steps.iter().position(|step| *step == Step::Run)) {
            steps.splice(first..first, std::iter::repeat_n(Step::Run, failed_starts(story)));
        }
        cast.add(&name, steps);
    }
}

/// One who sends what was told of during a turn, whether or not it was ever prompted, unless another sends it.
fn as_said(story: &Story, cast: &mut Cast) {
    for moment in &story.moments {
        let Moment::Said(text, turn) = moment else { continue };
        let is_sent = |step: &Step| matches!(step, Step::Send(send) if send.text == *text);
        if !cast.actors.iter().any(|actor| actor.does.iter().any(is_sent)) {
            let during = Step::Wait(Happening::Frame(prompt(&story.asked[*turn])));
            cast.add("sender", [during, Step::Send(Send { text: text.clone(), run: false })]);
        }
    }
}

/// The messages that somebody told were sent during a turn.
fn said(story: &Story) -> Vec<&str> {
    let said = story.moments.iter().filter_map(|moment| match moment {
        Moment::Said(text, _) => Some(text.as_str()),
        _ => None,
    });
    said.collect()
}

fn prompts(story: &Story) -> impl Iterator<Item = &Asked> {
    story.moments.iter().filter_map(|moment| match moment {
        Moment::Prompt(at) => story.asked.get(*at),
        _ => None,
    })
}

/// The steps that lead to these prompts. A prompt whose text came before is no new message: the client repeats a failed
/// one within its run, and an interrupted one at the beginning of the next. Another has sent what was said during a turn,
/// and a run that goes on takes it.
fn runs(turns: &[&Asked], said: &[&str]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut at = 0;
    while let Some(turn) = turns.get(at) {
        let is_new = |turn: &&&Asked| turn.count == 1;
        let next = turns.get(at + 1).filter(is_new);
        let before = at.checked_sub(1).map(|before| turns[before]);
        let failed = before.is_some_and(|before| is_retry(before, turn));
        let goes_on = before.is_some_and(Asked::is_complete);
        if is_new(&turn) && said.contains(&turn.text().unwrap_or_default()) {
            if !goes_on {
                steps.push(Step::Run);
            }
        } else if is_new(&turn) {
            steps.extend([send(turn), Step::Run]);
        } else if let (true, Some(next)) = (turn.is_complete(), next) {
            steps.extend([send(next), Step::Run]);
            at += 1;
        } else if !failed {
            steps.push(Step::Run);
        }
        at += 1;
    }
    steps
}

/// How many starts of the server came to nothing before it was prompted: each was a run of its own.
fn failed_starts(story: &Story) -> usize {
    let prompted = prompts(story).map(|turn| turn.process).min().unwrap_or(1);
    let failed = |asked: &&Asked| asked.process < prompted && asked.outcome == Outcome::Failed;
    story.asked.iter().filter(failed).count()
}

/// Whether a prompt repeats the one before, which had failed.
fn is_retry(before: &Asked, turn: &Asked) -> bool {
    before.outcome == Outcome::Failed && before.on == turn.on
}

/// How often a prompt that had failed was repeated at most, in a row.
pub(crate) fn retries(story: &Story) -> u32 {
    let turns: Vec<&Asked> = prompts(story).collect();
    let series = turns.chunk_by(|before, turn| is_retry(before, turn));
    let longest = series.map(|series| series.len() - 1).max().unwrap_or(0);
    u32::try_from(longest).unwrap_or(u32::MAX)
}

/// How many prompts a run took before its limit ended it: most of a synchronous run, or those of the last run, if a message that
/// was told of in a turn that was completed is not prompted. None if no run was seen to end so.
pub(crate) fn steps_of_a_run(story: &Story) -> Option<u32> {
    steps_of_a_synchronous_run(story).or_else(|| {
        let turns: Vec<&Asked> = prompts(story).collect();
        let is_left = |text: &str| !turns.iter().any(|turn| turn.text() == Some(text));
        let left = story.moments.iter().rposition(|moment| {
            matches!(moment, Moment::Said(text, turn) if is_left(text) && story.asked[*turn].is_complete())
        })?;
        let is_ended = |moment: &Moment| matches!(moment, Moment::Stop(_) | Moment::Left(_));
        if story.moments[left..].iter().any(is_ended) {
            return None;
        }
        let said = said(story);
        let goes_on = |pair: &&[&Asked]| {
            pair[0].is_complete()
                && pair[1].count == 1
                && pair[1].text().is_some_and(|text| said.contains(&text))
        };
        let further = turns.windows(2).rev().take_while(goes_on).count();
        u32::try_from(further + 1).ok()
    })
}

/// How many prompts a synchronous run had at most; none if there was no such run.
fn steps_of_a_synchronous_run(story: &Story) -> Option<u32> {
    let (mut prompts, mut most) = (0, 1);
    for moment in &story.moments {
        match moment {
            Moment::Prompt(_) => prompts += 1,
            Moment::Call(_, Step::RunSync) => most = most.max(std::mem::take(&mut prompts)),
            Moment::Call(..) => prompts = 0,
            Moment::Stop(_)
            | Moment::Open(..)
            | Moment::Said(..)
            | Moment::Switched(..)
            | Moment::Left(_) => {}
        }
    }
    // The prompts after the last call that returned are of a run that did not.
    is_synchronous(story).then_some(most.max(prompts))
}

fn send(turn: &Asked) -> Step {
    Step::Send(Send { text: turn.text().unwrap_or_default().to_owned(), run: false })
}

/// One who presses stop wherever a turn was stopped, and closes where the client left in the middle of a turn.
fn as_stopped(story: &Story, cast: &mut Cast) {
    for moment in &story.moments {
        match moment {
            Moment::Stop(before) => cast.stop(before, Step::Interrupt),
            Moment::Left(before) => cast.stop(before, Step::Close),
            Moment::Prompt(_)
            | Moment::Open(..)
            | Moment::Said(..)
            | Moment::Switched(..)
            | Moment::Call(..) => {}
        }
    }
}

/// One who switches the model wherever that was asked for, unless actors told who did.
fn as_switched(story: &Story, cast: &mut Cast) {
    let told = |step: &Step| matches!(step, Step::SwitchModel(_));
    if cast.actors.iter().flat_map(|actor| &actor.does).any(told) {
        return;
    }
    for moment in &story.moments {
        if let Moment::Switched(model, before) = moment {
            let wait = before.clone().map(Step::Wait);
            cast.add("switcher", wait.into_iter().chain([Step::SwitchModel(model.clone())]));
        }
    }
}

/// One who talks to the service, each message with a run: at once where it took the place of the one in flight, else when
/// the run before has ended. Another presses stop where else a turn was stopped.
fn as_served(story: &Story, cast: &mut Cast) {
    let mut before: Option<&Asked> = None;
    let mut place: Option<&Happening> = None;
    for moment in &story.moments {
        match moment {
            Moment::Prompt(at) => {
                let Some(turn) = story.asked.get(*at) else { continue };
                if before.is_some_and(|before| is_retry(before, turn)) {
                    before = Some(turn);
                    continue;
                }
                let ended = before.map(|before| match before.outcome {
                    Outcome::Failed => Status::Error,
                    _ if before.is_complete() => Status::Finished,
                    _ => Status::Paused,
                });
                let replaces = before.is_some_and(|before| is_superseded(before, turn));
                let wait = if replaces { place.cloned() } else { ended.map(Happening::Status) };
                let ask = if turn.count == 1 {
                    Step::Send(Send { text: turn.text().unwrap_or_default().to_owned(), run: true })
                } else {
                    Step::Run
                };
                cast.add("user", wait.map(Step::Wait).into_iter().chain([ask]));
                if let (false, Some(place)) = (replaces, place) {
                    cast.stop(place, Step::Interrupt);
                }
                (before, place) = (Some(turn), None);
            }
            Moment::Stop(at) => place = Some(at),
            Moment::Left(at) => cast.stop(at, Step::Close),
            Moment::Open(..) | Moment::Said(..) | Moment::Switched(..) | Moment::Call(..) => {}
        }
    }
    if let Some(place) = place {
        cast.stop(place, Step::Interrupt);
    }
}

/// The calls that actors told of, each behind what it followed: a stop behind what the turn had come to, a message
/// behind the last prompt of another one that was read before it returned.
fn as_told(story: &Story, cast: &mut Cast) {
    let mut since: BTreeMap<&str, usize> = BTreeMap::new();
    let mut runs = false;
    for (at, moment) in story.moments.iter().enumerate() {
        let Moment::Call(actor, step) = moment else { continue };
        let before = &story.moments[since.get(actor.as_str()).copied().unwrap_or(0)..at];
        runs |= matches!(step, Step::Run | Step::RunSync);
        since.insert(actor, at);
        let name = actor_name(actor);
        let last = |text: Option<&str>| {
            let prompts = before.iter().filter_map(|moment| match moment {
                Moment::Prompt(at) => story.asked.get(*at),
                _ => None,
            });
            let others = prompts.take_while(|asked| text.is_none() || asked.text() != text);
            others.last().map(|asked| Step::Wait(Happening::Frame(prompt(asked))))
        };
        let wait = match step {
            Step::Interrupt | Step::Pause | Step::Close => {
                let cancel = before.iter().rev().find_map(|moment| match moment {
                    Moment::Stop(before) => Some(Step::Wait(before.clone())),
                    _ => None,
                });
                cancel.or_else(|| last(None))
            }
            Step::Send(send) => last(Some(&send.text)),
            _ => None,
        };
        cast.add(&name, wait.into_iter().chain([step.clone()]));
    }
    for moment in &story.moments {
        if let Moment::Left(before) = moment {
            cast.stop(before, Step::Close);
        }
    }
    for asked in prompts(story) {
        let step = send(asked);
        if !cast.actors.iter().any(|actor| actor.does.contains(&step)) {
            cast.add("user", [step, Step::Run]);
            runs = true;
        }
    }
    if let Some(first) = cast.actors.first_mut().filter(|_| !runs) {
        first.does.push(if is_synchronous(story) { Step::RunSync } else { Step::Run });
    }
}

fn prompt(asked: &Asked) -> FrameSeen {
    FrameSeen { method: Method::Prompt, text: asked.text().map(str::to_owned), count: asked.count }
}

/// The name of an actor in the form that scenarios want.
fn actor_name(told: &str) -> String {
    let lower = told.to_lowercase();
    let name: String =
        lower.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '-' }).collect();
    let fits = name.starts_with(|first: char| first.is_ascii_lowercase());
    if fits && ThreadRole::of(&name).is_none() { name } else { format!("actor-{name}") }
}

/// The clock lets a client repeat what failed, ends the turns that were stopped though no actor told of it, and ends
/// the drains that the server let run: those of prompts that were cancelled and not answered before the next one. A
/// synchronous run drains nothing.
pub(crate) fn clock(story: &Story) -> Vec<ClockStep> {
    let is_synchronous = is_synchronous(story);
    let timed_out = is_synchronous && !has_told(story, &[Step::Interrupt, Step::Pause, Step::Close]);
    let mut steps = Vec::new();
    let mut before = None;
    for turn in prompts(story) {
        if before.replace(turn).is_some_and(|before| is_retry(before, turn)) {
            steps.push(ClockStep::Fire(Timer::Retry));
        }
        if timed_out && turn.is_stopped() {
            let prompted = Happening::Frame(prompt(turn));
            steps.extend([ClockStep::Wait(prompted), ClockStep::Fire(Timer::Prompt)]);
        }
        let undrained = turn.undrained || turn.outcome == Outcome::Open;
        if let (Some(count), true, false) = (turn.cancel, undrained, is_synchronous) {
            let frame = FrameSeen { method: Method::Cancel, text: None, count };
            steps.extend([ClockStep::Wait(Happening::Frame(frame)), ClockStep::Fire(Timer::Drain)]);
        }
    }
    steps
}
