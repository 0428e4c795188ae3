//! The execution on the page: a row for each step with the lanes of the threads beside its words, the failing order
//! beside the nearest passing one from shortly before they part, and the dock that steps through both.
//!
//! The lanes are drawn row by row, so that rows can grow, fold away and break over pages. What they show is also said in
//! words that only a screen reader meets.

use std::collections::BTreeSet;
use std::ops::Range;

use super::html::{Html, escape};
use crate::report::case::Case;
use crate::report::frames::{Frame, frames};
use crate::report::picture::{Lane, Part, Picture};
use crate::report::words::count;

/// The width of a lane, in units of its drawing.
const LANE: usize = 32;
/// How many steps before the parting stand beside each other.
const BEFORE: usize = 2;
/// How much of an operation's words is shown while it is not looked at.
const SHORT: usize = 64;
/// How many colours there are for locks.
const COLOURS: usize = 6;

/// One execution, ready to be drawn.
struct Side {
    /// The letter in front of the ids of its rows.
    letter: char,
    picture: Picture,
    frames: Vec<Frame>,
    /// The steps of the racing pair: the one that comes first where rules break, and the other.
    racing: [Option<usize>; 2],
}

/// The executions of the page.
pub(super) struct Sides {
    failing: Side,
    passing: Option<Side>,
    /// The first step that they do not share in the picture; 0 if there is but one.
    fork: usize,
    /// The step in which they part; none if there is but one.
    parting: Option<usize>,
    /// The locks, whose places are their colours.
    locks: Vec<String>,
}

impl Sides {
    /// The executions of a case, drawn as pictures.
    pub(super) fn of(case: &Case<'_>) -> Self {
        let side = |letter, picture: Picture, replay, racing| {
            let frames = frames(replay, &picture);
            Side { letter, picture, frames, racing }
        };
        let (failing, passing) = match case.passing {
            Some((pair, passing)) => {
                let (fails, passes) = (&pair.failing, &pair.passing);
                let (failing, picture) = Picture::of_both(case.replay, passing);
                let failing = side('f', failing, case.replay, [fails.first, fails.second]);
                (failing, Some(side('p', picture, passing, [passes.first, passes.second])))
            }
            None => (side('f', Picture::of(case.replay), case.replay, [None; 2]), None),
        };
        let all = std::iter::once(&failing).chain(&passing);
        let locks: BTreeSet<String> =
            all.flat_map(|side| side.picture.locks()).map(ToOwned::to_owned).collect();
        let parting = case.passing.map(|(pair, _)| pair.parting);
        Self { failing, passing, fork: parting.map_or(0, fork), parting, locks: locks.into_iter().collect() }
    }

    fn colour(&self, lock: &str) -> usize {
        self.locks.iter().position(|known| known == lock).unwrap_or(0)
    }

    /// How many steps in which an event loop found nothing to do there are.
    fn idle(&self) -> usize {
        let all = std::iter::once(&self.failing).chain(&self.passing);
        all.flat_map(|side| &side.picture.moments).filter(|moment| moment.idle).count()
    }

    /// Where the slider stands at first: where the executions part, or else where a rule is broken.
    fn start(&self) -> usize {
        let moments = &self.failing.picture.moments;
        let broken = || moments.iter().position(|moment| !moment.broken.is_empty());
        let stuck = || self.failing.picture.standstill.as_ref().map(|_| moments.len());
        self.parting.or_else(broken).or_else(stuck).unwrap_or(0)
    }

    /// The last place of the slider.
    fn last(&self) -> usize {
        let places =
            |side: &Side| side.picture.moments.len() + usize::from(side.picture.standstill.is_some());
        let all = std::iter::once(&self.failing).chain(&self.passing);
        all.map(places).max().unwrap_or(0).saturating_sub(1)
    }
}

/// The first step that two executions do not share in the picture, by the step in which they part.
pub(super) fn fork(parting: usize) -> usize {
    parting.saturating_sub(BEFORE)
}

/// The section with the legend and the tables.
pub(super) fn section(page: &mut Html, sides: &Sides) {
    page.raw("<section id=\"execution\" aria-labelledby=\"execution-title\">\n");
    page.element("h2", "id=\"execution-title\"", "The execution").raw("\n");
    legend(page, sides);
    let steps = sides.failing.picture.moments.len();
    let Some(passing) = &sides.passing else {
        table(page, sides, &sides.failing, 0..steps, "failing", "Every step");
        page.raw("</section>\n");
        return;
    };
    if sides.fork > 0 {
        let last = sides.fork - 1;
        let shared = if last == 0 { "Step 0 is".to_owned() } else { format!("Steps 0 to {last} are") };
        page.raw("<details class=\"shared\">");
        page.element("summary", "", &format!("{shared} the same in both orders")).raw("\n");
        table(page, sides, &sides.failing, 0..sides.fork, "both", "What both orders share");
        page.raw("</details>\n");
    }
    page.raw("<div class=\"sides\">\n");
    table(page, sides, &sides.failing, sides.fork..steps, "failing", "This order breaks the rule");
    table(page, sides, passing, sides.fork..passing.picture.moments.len(), "passing", "This order passes");
    page.raw("</div>\n</section>\n");
}

/// The dock: the slider, and where it stands.
pub(super) fn dock(page: &mut Html, sides: &Sides) {
    let (last, start, idle) = (sides.last(), sides.start(), sides.idle());
    page.raw(
        "<section id=\"dock\" aria-label=\"Step through the execution\" hidden>\n<div class=\"controls\">\n",
    );
    for (id, name, sign) in [
        ("first", "First step", "|◂"),
        ("back", "Step back", "◂"),
        ("on", "Step on", "▸"),
        ("last", "Last step", "▸|"),
    ] {
        page.raw(&format!("<button type=\"button\" id=\"{id}\" aria-label=\"{name}\">{sign}</button>\n"));
    }
    page.raw(&format!(
        "<label for=\"slider\">Step</label> <input type=\"range\" id=\"slider\" min=\"0\" max=\"{last}\" value=\"{start}\"> \
         <output id=\"at\" for=\"slider\">{start}</output><span>of {last}</span>\n"
    ));
    if let Some(parting) = sides.parting {
        page.raw(&format!(
            "<button type=\"button\" id=\"parting\" data-step=\"{parting}\">Racing pair</button>\n"
        ));
    }
    page.raw("<label><input type=\"checkbox\" id=\"idle\"> ");
    page.text(&format!("show {} of event loops", count(idle as u64, "idle turn"))).raw("</label>\n</div>\n");
    page.raw("<div class=\"standing\" aria-live=\"polite\">\n");
    let names = if sides.passing.is_some() {
        &[("failing", "breaks"), ("passing", "passes")][..]
    } else {
        &[("failing", "")]
    };
    for (side, name) in names {
        page.raw(&format!("<div data-now=\"{side}\">"));
        if !name.is_empty() {
            page.element("span", &format!("class=\"side {side}\""), name);
        }
        page.raw("<p class=\"deed\"></p><p class=\"locks\"></p></div>\n");
    }
    page.raw("</div>\n</section>\n");
}

fn legend(page: &mut Html, sides: &Sides) {
    page.raw("<ul class=\"legend\" aria-label=\"Legend\">\n");
    let mut sample = |class: &str, path: &str, words: &str| {
        page.raw(&format!(
            "<li><svg viewBox=\"0 0 {LANE} 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\" focusable=\"false\"><path class=\"{class}\" d=\"{path}\"/></svg> "
        ));
        page.text(words).raw("</li>\n");
    };
    for lock in &sides.locks {
        let colour = sides.colour(lock) % COLOURS;
        sample(&format!("k k{colour}"), "M16 0V10", &format!("has the lock {lock}"));
    }
    if let Some(lock) = sides.locks.first() {
        let colour = sides.colour(lock) % COLOURS;
        sample(&format!("k w k{colour}"), "M16 0V10", "cannot move: another thread has the lock");
    }
    sample("d", "M16 5h0", "moves");
    if sides.failing.frames.iter().any(|frame| !frame.from_server) {
        sample("f u", "M2 5H26M20 2L26 5L20 8", "frame to the server");
    }
    if sides.failing.frames.iter().any(|frame| frame.from_server) {
        sample("f n", "M30 5H6M12 2L6 5L12 8", "frame from the server");
    }
    if sides.passing.is_some() {
        sample("d r", "M16 5h0", "the racing pair: A before B breaks the rule, B before A passes");
    }
    page.raw("</ul>\n");
}

/// The steps of a side that are shown in one table.
fn table(page: &mut Html, sides: &Sides, side: &Side, steps: Range<usize>, name: &str, caption: &str) {
    let lanes = side.picture.threads.len();
    page.raw(&format!("<table class=\"steps {name}\" data-side=\"{name}\" style=\"--lanes:{lanes}\">\n"));
    page.element("caption", "", caption);
    page.raw("<thead><tr><th scope=\"col\">Step</th><th scope=\"col\" class=\"lanes\"><span class=\"vh\">Locks</span><span class=\"names\" aria-hidden=\"true\">");
    for thread in &side.picture.threads {
        page.element("span", "", thread);
    }
    page.raw("</span></th><th scope=\"col\">Operation</th></tr></thead>\n<tbody>\n");
    let is_end = steps.end == side.picture.moments.len();
    for at in steps {
        row(page, sides, side, at);
    }
    if is_end {
        standstill(page, sides, side);
    }
    page.raw("</tbody></table>\n");
}

fn row(page: &mut Html, sides: &Sides, side: &Side, at: usize) {
    let moment = &side.picture.moments[at];
    let racing = side.racing.iter().position(|step| *step == Some(at));
    let mut classes = Vec::new();
    classes.extend(moment.idle.then_some("idle"));
    classes.extend(racing.map(|_| "racing"));
    classes.extend((!moment.broken.is_empty()).then_some("broken"));
    let thread = &side.picture.threads[moment.thread];
    page.raw(&format!(
        "<tr id=\"{}{at}\" data-step=\"{at}\" data-thread=\"{}\"",
        side.letter,
        escape(thread)
    ));
    if !classes.is_empty() {
        page.raw(&format!(" class=\"{}\"", classes.join(" ")));
    }
    page.raw(&format!("><th scope=\"row\">{at}</th>"));
    lanes(page, sides, side, &moment.lanes, &moment_strokes(side, at, racing.is_some()));
    page.raw("<td>").element("b", "", thread).raw(" ");
    operation(page, &moment.words);
    for note in &moment.notes {
        page.raw(" ").element("span", "class=\"frame\"", &format!("then {note}"));
    }
    notes(page, sides.fork, side, at);
    if let Some(place) = racing {
        let letter = ["A", "B"][place];
        page.raw(&format!(
            " <span class=\"badge racing\"><span class=\"vh\">racing pair: </span>{letter}</span>"
        ));
    }
    rules(page, &moment.broken);
    page.raw("</td></tr>\n");
}

/// The words of an operation; what is long is marked, so that it can be folded away.
fn operation(page: &mut Html, words: &str) {
    let short = words.char_indices().nth(SHORT).map_or(words, |(end, _)| &words[..end]);
    page.raw("<span class=\"op\">").text(short);
    if short.len() < words.len() {
        page.element("span", "class=\"rest\"", &words[short.len()..]);
    }
    page.raw("</span>");
}

fn rules(page: &mut Html, broken: &BTreeSet<&'static str>) {
    for rule in broken {
        page.raw(" <span class=\"badge broken\"><span aria-hidden=\"true\">✗ </span><span class=\"vh\">breaks </span>");
        page.text(rule).raw("</span>");
    }
}

/// Which frames are sent or read in a step; where a shared step's frame is read, the orders may differ.
fn notes(page: &mut Html, fork: usize, side: &Side, at: usize) {
    let name = |lane: usize| side.picture.threads[lane].as_str();
    for frame in side.frames.iter().filter(|frame| frame.sent == at) {
        // The client's own operation says it; the server's is the frame as its client decodes it.
        let words = if frame.from_server { format!("{} ", frame.words) } else { String::new() };
        let words = match (frame.to, frame.read) {
            (Some(to), Some(read)) if at < fork && read >= fork => {
                format!("{words}→ {}, read later", name(to))
            }
            (Some(to), Some(read)) => format!("{words}→ {}, read in step {read}", name(to)),
            _ => format!("{words}→ nobody: it is never read"),
        };
        page.raw(" ").element("span", "class=\"frame\"", &words);
    }
    for frame in side.frames.iter().filter(|frame| frame.read == Some(at)) {
        let words = if frame.from_server { format!("{} ", frame.words) } else { String::new() };
        let words = format!("{words}← {}, sent in step {}", name(frame.from), frame.sent);
        page.raw(" ").element("span", "class=\"frame\"", &words);
    }
}

/// Where a stuck execution leaves its threads.
fn standstill(page: &mut Html, sides: &Sides, side: &Side) {
    let Some(end) = &side.picture.standstill else { return };
    let at = side.picture.moments.len();
    page.raw(&format!(
        "<tr id=\"{}{at}\" data-step=\"{at}\" class=\"broken\"><th scope=\"row\">stuck</th>",
        side.letter
    ));
    lanes(page, sides, side, &end.lanes, "");
    page.raw("<td><span class=\"op\">");
    for (place, (lane, words)) in end.words.iter().enumerate() {
        page.raw(if place == 0 { "" } else { "; " });
        page.element("b", "", &side.picture.threads[*lane]).text(&format!(" is at {words}"));
        for need in &end.needs[lane] {
            page.text(&format!(", {need}"));
        }
    }
    page.raw("</span>");
    rules(page, &end.broken);
    page.raw("</td></tr>\n");
}

/// The cell of the lanes: the locks in words and as bars, and what else is drawn over them.
fn lanes(page: &mut Html, sides: &Sides, side: &Side, lanes: &[Lane], strokes: &str) {
    let said: Vec<String> =
        side.picture.threads.iter().zip(lanes).filter_map(|(thread, lane)| in_words(thread, lane)).collect();
    let said = if said.is_empty() { "no lock is held".to_owned() } else { said.join("; ") };
    page.raw("<td class=\"lanes\">").element("span", "class=\"vh\"", &said);
    let width = LANE * lanes.len();
    page.raw(&format!("<svg viewBox=\"0 0 {width} 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\" focusable=\"false\">"));
    for (place, lane) in lanes.iter().enumerate() {
        for (lock, part) in &lane.locks {
            let (top, bottom) = match part {
                Part::Takes => (5, 10),
                Part::Holds => (0, 10),
                Part::LetsGo => (0, 5),
            };
            bar(page, sides, place, lock, "k", top, bottom);
        }
        if let Some(lock) = &lane.waits {
            bar(page, sides, place, lock, "k w", 0, 10);
        }
    }
    page.raw(strokes).raw("</svg></td>");
}

fn in_words(thread: &str, lane: &Lane) -> Option<String> {
    let held: Vec<&str> = lane.held().collect();
    match (held.is_empty(), &lane.waits) {
        (true, None) => None,
        (true, Some(lock)) => Some(format!("{thread} waits for {lock}")),
        (false, None) => Some(format!("{thread} holds {}", held.join(", "))),
        (false, Some(lock)) => Some(format!("{thread} holds {}, waits for {lock}", held.join(", "))),
    }
}

fn bar(page: &mut Html, sides: &Sides, lane: usize, lock: &str, class: &str, top: usize, bottom: usize) {
    let colour = sides.colour(lock);
    // Beside each other: in the middle, to the right, to the left.
    let x = middle(lane) + [7, 14, 0][colour % 3] - 7;
    page.raw(&format!("<path class=\"{class} k{}\" d=\"M{x} {top}V{bottom}\"/>", colour % COLOURS));
}

/// The middle of a lane.
fn middle(lane: usize) -> usize {
    LANE * lane + LANE / 2
}

/// The thread that moves, where the execution came from, and the frames on their way.
fn moment_strokes(side: &Side, at: usize, is_racing: bool) -> String {
    let moment = &side.picture.moments[at];
    let own = middle(moment.thread);
    let mut strokes = String::new();
    if let Some(before) = moment.before {
        strokes += &format!("<path class=\"s\" d=\"M{} 0L{own} 5\"/>", middle(before));
    }
    strokes.extend(side.frames.iter().map(|frame| frame_stroke(frame, at)));
    let racing = if is_racing { " r" } else { "" };
    strokes += &format!("<path class=\"d{racing}\" d=\"M{own} 5h0\"/>");
    strokes
}

/// What of a frame is in a row: it leaves its sender, goes down beside the lane of its reader, and arrives there.
fn frame_stroke(frame: &Frame, at: usize) -> String {
    let Some((to, read)) = frame.to.zip(frame.read).filter(|(_, read)| (frame.sent..=*read).contains(&at))
    else {
        return String::new();
    };
    let (sender, reader) = (middle(frame.from), middle(to));
    let to_the_right = frame.from < to;
    let (beside, point, barb) = if to_the_right {
        (reader - 11, reader - 6, reader - 11)
    } else {
        (reader + 11, reader + 6, reader + 11)
    };
    let path = if at == frame.sent {
        format!("M{sender} 5H{beside}V10")
    } else if at == read {
        format!("M{beside} 0V5H{point}M{barb} 2L{point} 5L{barb} 8")
    } else {
        format!("M{beside} 0V10")
    };
    let way = if frame.from_server { "n" } else { "u" };
    format!("<path class=\"f {way}\" d=\"{path}\"/>")
}
