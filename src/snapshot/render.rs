//! All outcomes of a scenario as one text, the same for the same outcomes in whatever order they were found.

use std::collections::{BTreeMap, BTreeSet};

use super::words;
use super::words::ServerWords;
use crate::observation::{Event, LockEdge, Observations, Published, Why};
use crate::scenario::Channel;

/// Where a line of items is wrapped.
const COLUMNS: usize = 100;

/// The outcomes as far as the channels show them, each once, and the merged lock order.
///
/// ```
/// use std::collections::BTreeSet;
/// use turnloom::observation::Observations;
/// use turnloom::scenario::Channel;
///
/// let outcome = Observations::default();
/// let text = turnloom::snapshot::render([&outcome, &outcome].into_iter(), &BTreeSet::new(), &[Channel::Status]);
/// assert_eq!(text, "1 outcome\n\noutcome 1\n  end      idle, no cursor, no session\n\nlock order: none\n");
/// ```
#[must_use]
pub fn render<'a>(
    outcomes: impl Iterator<Item = &'a Observations>,
    lock_order: &BTreeSet<LockEdge>,
    observe: &[Channel],
) -> String {
    let outcomes: BTreeSet<_> = outcomes.map(|seen| project(seen, observe)).collect();
    let outcomes: Vec<_> = outcomes.iter().map(|seen| rows(seen, observe)).collect();
    let labels = outcomes.iter().flatten().map(|row| row.label.chars().count());
    let width = labels.max().unwrap_or(0).max("events".len()) + 3;
    let plural = if outcomes.len() == 1 { "" } else { "s" };
    let mut text = format!("{} outcome{plural}\n", outcomes.len());
    for (place, rows) in outcomes.iter().enumerate() {
        text += &format!("\noutcome {}\n", place + 1);
        for row in rows {
            for (line, words) in row.lines(COLUMNS.saturating_sub(width + 2)).into_iter().enumerate() {
                let label = if line == 0 { row.label.as_str() } else { "" };
                text += format!("  {label:width$}{words}").trim_end();
                text.push('\n');
            }
        }
    }
    text + &order(lock_order)
}

/// What the channels show of an outcome; the rest is as if nothing had been seen. That an execution got stuck always
/// shows, which thread recorded an event never does.
#[must_use]
pub fn project(seen: &Observations, observe: &[Channel]) -> Observations {
    let mut shown = Observations { stuck: seen.stuck.clone(), ..Observations::default() };
    for channel in observe {
        match channel {
            Channel::Events => shown.events = seen.events.iter().map(nameless).collect(),
            Channel::Server => shown.server.clone_from(&seen.server),
            Channel::Calls => shown.calls = without_silent(&seen.calls),
            Channel::Stream => {
                let published = seen.stream.iter().map(|one| match one {
                    Published::Event(event) => Published::Event(nameless(event)),
                    other => other.clone(),
                });
                shown.stream = published.collect();
            }
            Channel::Tokens => shown.tokens = without_silent(&seen.tokens),
            Channel::Status => shown.end.clone_from(&seen.end),
        }
    }
    shown
}

/// Only the actors of whom there is something to see: one with an empty list is as good as none.
fn without_silent<T: Clone>(seen: &BTreeMap<String, Vec<T>>) -> BTreeMap<String, Vec<T>> {
    seen.iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(actor, list)| (actor.clone(), list.clone()))
        .collect()
}

fn nameless(event: &Event) -> Event {
    Event { thread: String::new(), ..event.clone() }
}

/// One labelled line of an outcome, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it shows: `events`, `server`, an actor's name.
    pub label: String,
    /// What was seen, one after the other: for `events` and `server` an item for each entry of the log.
    pub items: Vec<String>,
    /// Whether each item has a line of its own.
    apart: bool,
}

impl Row {
    fn new(label: &str, items: Vec<String>) -> Self {
        Self { label: label.to_owned(), items, apart: false }
    }

    /// The items, wrapped between two of them.
    fn lines(&self, width: usize) -> Vec<String> {
        if self.apart {
            return self.items.clone();
        }
        let mut lines: Vec<String> = Vec::new();
        for item in &self.items {
            match lines.last_mut() {
                Some(line) if line.chars().count() + " ·  ·".len() + item.chars().count() <= width => {
                    *line += &format!(" · {item}");
                }
                Some(line) => {
                    line.push_str(" ·");
                    lines.push(item.clone());
                }
                None => lines.push(item.clone()),
            }
        }
        if lines.is_empty() { vec!["none".to_owned()] } else { lines }
    }
}

/// The rows of an outcome in a fixed order. Logs show even when empty; the rest only if there is something.
///
/// ```
/// use turnloom::observation::Observations;
/// use turnloom::scenario::Channel;
///
/// let rows = turnloom::snapshot::rows(&Observations::default(), &[Channel::Status]);
/// assert_eq!((rows[0].label.as_str(), &rows[0].items[..]), ("end", &["idle, no cursor, no session".to_owned()][..]));
/// ```
#[must_use]
pub fn rows(seen: &Observations, observe: &[Channel]) -> Vec<Row> {
    let shows = |channel| observe.contains(&channel);
    let mut rows = Vec::new();
    if shows(Channel::Events) {
        rows.push(Row::new("events", seen.events.iter().map(words::event).collect()));
    }
    if shows(Channel::Server) {
        let mut words = ServerWords::default();
        rows.push(Row::new("server", seen.server.iter().map(|entry| words.entry(entry)).collect()));
    }
    if !seen.stream.is_empty() {
        rows.push(Row::new("stream", seen.stream.iter().map(words::published).collect()));
    }
    for (actor, calls) in &seen.calls {
        rows.push(Row::new(actor, calls.iter().map(words::call).collect()));
    }
    for (actor, views) in &seen.tokens {
        rows.push(Row::new(&format!("{actor}'s token"), views.iter().map(words::token).collect()));
    }
    if shows(Channel::Status) {
        rows.push(Row::new("end", vec![words::end(&seen.end)]));
    }
    if let Some(stuck) = &seen.stuck {
        let why = match stuck.why {
            Why::Deadlock => "deadlock: nobody can move",
            Why::Hang => "hang: it goes round for ever",
        };
        let threads = stuck.threads.iter().map(ToString::to_string);
        let items = std::iter::once(why.to_owned()).chain(threads).collect();
        rows.push(Row { apart: true, ..Row::new("stuck", items) });
    }
    rows
}

/// The merged acquisition graph, one line an edge, with the threads that took it.
fn order(edges: &BTreeSet<LockEdge>) -> String {
    if edges.is_empty() {
        return "\nlock order: none\n".to_owned();
    }
    let mut threads: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for edge in edges {
        threads.entry(format!("{} → {}", edge.held, edge.then)).or_default().insert(&edge.thread);
    }
    let width = threads.keys().map(|edge| edge.chars().count()).max().unwrap_or(0);
    let mut text = "\nlock order\n".to_owned();
    for (edge, threads) in threads {
        let threads: Vec<_> = threads.into_iter().collect();
        text += &format!("  {edge:width$}   ({})\n", threads.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{COLUMNS, render};
    use crate::observation::{
        Call, End, Event, LockEdge, Observations, Published, ServerEntry, SessionInUse, Stuck, TokenView,
        Waiting, Why,
    };
    use crate::scenario::{Channel, EventKind, Status, StopReason, ToolStatus};

    fn event(kind: EventKind, text: &str, thread: &str) -> Event {
        let tool = (kind == EventKind::ToolCall).then_some(ToolStatus::InProgress);
        Event { kind, text: text.into(), tool, thread: thread.into() }
    }

    /// An outcome in which everything shows.
    fn full() -> Observations {
        let session = || "s1".to_owned();
        let (process, text) = (1, "first".to_owned());
        Observations {
            events: vec![
                event(EventKind::UserMessage, "first", "bob"),
                event(EventKind::ToolCall, "t1", "loop"),
                event(EventKind::Finish, "", "loop"),
            ],
            server: vec![
                ServerEntry::Started { process },
                ServerEntry::Initialize { process },
                ServerEntry::New { process, session: session() },
                ServerEntry::Prompt { process, session: session(), text: text.clone() },
                ServerEntry::Said { process, session: session(), text: "hi\n".into() },
                ServerEntry::Cancel { process, session: session() },
                ServerEntry::Answered { process, session: session(), text, reason: StopReason::Cancelled },
                ServerEntry::Ended { process },
                ServerEntry::Started { process: 2 },
                ServerEntry::Load { process: 2, session: session(), loaded: false },
            ],
            calls: [("bob".into(), vec![Call { call: "send \"first\"".into(), returned: "ok".into() }])]
                .into(),
            stream: vec![Published::State(Status::Running), Published::Delta("hi".into())],
            tokens: [(
                "tool".into(),
                vec![TokenView { own_run: 1, own_cancelled: false, seen_run: None, cancelled: false }],
            )]
            .into(),
            runs: Vec::new(),
            service: Vec::new(),
            end: End {
                status: Status::Finished,
                cursor: Some("first".into()),
                session: Some(SessionInUse { process: 2, session: session() }),
            },
            ..Observations::default()
        }
    }

    fn edge(thread: &str) -> LockEdge {
        LockEdge { held: "state".into(), then: "run".into(), thread: thread.into() }
    }

    #[test]
    fn a_reviewer_can_follow_every_channel() {
        let text = render([&full()].into_iter(), &[edge("loop"), edge("bob")].into(), &Channel::all());
        let expected = r#"1 outcome

outcome 1
  events         user "first" · tool "t1" in_progress · finish
  server         process 1 · initialize · new s1 · prompt s1 "first" · say "hi\n" · cancel s1 ·
                 answered cancelled · process 1 ended · process 2 · load s1 → failed
  stream         state running · delta "hi"
  bob            send "first" → ok
  tool's token   run 1 sees no token
  end            finished, cursor "first", session s1 of process 2

lock order
  state → run   (bob, loop)
"#;
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS));
    }

    #[test]
    fn what_is_not_observed_does_not_tell_outcomes_apart() {
        let mut other = full();
        other.server.clear();
        other.events[0].thread = "alice".into();
        other.calls.insert("silent".into(), vec![]);
        let count = |observe: &[Channel]| {
            let text = render([&full(), &other].into_iter(), &BTreeSet::new(), observe);
            text.lines().next().map(str::to_owned)
        };
        assert_eq!(count(&[Channel::Events, Channel::Calls]).as_deref(), Some("1 outcome"));
        assert_eq!(count(&[Channel::Events, Channel::Server]).as_deref(), Some("2 outcomes"));
    }

    #[test]
    fn the_order_of_discovery_does_not_show() {
        let (one, two) = (full(), Observations::default());
        let none = BTreeSet::new();
        let text = render([&one, &two].into_iter(), &none, &Channel::all());
        assert_eq!(text, render([&two, &one, &two].into_iter(), &none, &Channel::all()));
        assert!(text.contains("  events         none\n"), "{text}");
    }

    #[test]
    fn a_deadlock_shows_whatever_is_observed() {
        let thread = Waiting {
            thread: "bob".into(),
            place: vec!["send \"second\"".into()],
            operation: "lock state".into(),
            holds: vec![],
            waits_for: vec!["loop".into()],
        };
        let stuck = Some(Stuck { why: Why::Deadlock, threads: vec![thread] });
        let text =
            render([&Observations { stuck, ..full() }].into_iter(), &BTreeSet::new(), &[Channel::Calls]);
        let expected = "1 outcome\n\noutcome 1\n  bob      send \"first\" → ok\n  stuck    deadlock: nobody can \
                        move\n           bob in send \"second\" is at `lock state`, needs loop\n\nlock order: none\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_answer_to_an_older_prompt_and_an_entry_of_an_older_process_say_so() {
        let prompt =
            |process, text: &str| ServerEntry::Prompt { process, session: "s1".into(), text: text.into() };
        let answered = ServerEntry::Answered {
            process: 1,
            session: "s1".into(),
            text: "first".into(),
            reason: StopReason::EndTurn,
        };
        let server = vec![prompt(1, "first"), prompt(2, "second"), answered];
        let seen = Observations { server, ..Observations::default() };
        let text = render([&seen].into_iter(), &BTreeSet::new(), &[Channel::Server]);
        let line = "  server   prompt s1 \"first\" of process 1 · prompt s1 \"second\" of process 2 ·\n           \
                    answered \"first\" end_turn of process 1\n";
        assert!(text.contains(line), "{text}");
    }
}
