//! What was seen, on the page: the logs of each execution, each entry with the step in which it came about.

use super::html::Html;
use crate::explore::{Anchor, Replay};
use crate::report::case::Case;
use crate::report::words::plain;
use crate::rules::Mark;
use crate::scenario::Channel;
use crate::snapshot;

/// The section with what was seen in each execution.
pub(super) fn section(page: &mut Html, case: &Case<'_>) {
    page.raw("<section aria-labelledby=\"outcome-title\">\n");
    page.element("h2", "id=\"outcome-title\"", "What was seen").raw("\n<div class=\"sides\">\n");
    let Some((pair, passing)) = case.passing else {
        table(page, case.replay, "At the end", &|at| format!("f{at}"));
        page.raw("</div>\n</section>\n");
        return;
    };
    table(page, case.replay, "In the order that breaks the rule", &|at| format!("f{at}"));
    // What both share has but one row in the picture.
    let fork = super::execution::fork(pair.parting);
    let row = |at| if at < fork { format!("f{at}") } else { format!("p{at}") };
    table(page, passing, "In the order that passes", &row);
    page.raw("</div>\n</section>\n");
}

fn table(page: &mut Html, replay: &Replay, caption: &str, row_of: &dyn Fn(usize) -> String) {
    page.raw("<table class=\"seen\">\n").element("caption", "", caption);
    page.raw("\n<tbody>\n");
    // A page shows all there is, also what the scenario does not observe.
    let channels = Channel::all();
    for row in snapshot::rows(&snapshot::project(&replay.outcome, &channels), &channels) {
        page.raw("<tr>").element("th", "scope=\"row\"", &plain(&row.label)).raw("<td>");
        if row.items.is_empty() {
            page.raw("none");
        } else {
            page.raw("<ol>");
            for (index, words) in row.items.iter().enumerate() {
                item(page, replay, entry(&row.label, index), words, row_of);
            }
            page.raw("</ol>");
        }
        page.raw("</td></tr>\n");
    }
    page.raw("</tbody></table>\n");
}

/// The entry of a log that an item stands for; none if it is of no log.
fn entry(label: &str, index: usize) -> Option<(Anchor, Mark)> {
    match label {
        "events" => Some((Anchor::Event(index), Mark::Event(index))),
        "server" => Some((Anchor::Server(index), Mark::Server(index))),
        _ => None,
    }
}

fn item(
    page: &mut Html,
    replay: &Replay,
    entry: Option<(Anchor, Mark)>,
    words: &str,
    row_of: &dyn Fn(usize) -> String,
) {
    let Some((anchor, mark)) = entry else {
        page.raw("<li>").sentence(&plain(words)).raw("</li>");
        return;
    };
    let is_marked = replay.violations.iter().any(|violation| violation.marks.contains(&mark));
    page.raw(if is_marked { "<li class=\"broken\"><span aria-hidden=\"true\">✗ </span>" } else { "<li>" });
    page.text(&plain(words));
    if let Some(at) = replay.steps.iter().position(|step| step.anchors.contains(&anchor)) {
        let link = format!("class=\"step\" href=\"#{}\" data-step=\"{at}\"", row_of(at));
        page.raw(" ").element("a", &link, &format!("step {at}"));
    }
    page.raw("</li>");
}
