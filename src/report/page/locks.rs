//! The graphs on the page: in which order locks are taken and, of a stuck execution, who waits for whom. Each is drawn
//! with its nodes on a line and arcs over and under it, and told again as a table.

use std::collections::{BTreeMap, BTreeSet};

use super::html::Html;
use crate::observation::Waiting;
use crate::report::case::Case;
use crate::report::words::plain;

/// A character of a label, in units of the drawing.
const CHARACTER: usize = 8;
/// How much higher an arc is for each node that it passes.
const RISE: usize = 34;
/// The height of a node.
const NODE: usize = 30;

/// The section with the graphs.
pub(super) fn section(page: &mut Html, case: &Case<'_>) {
    if case.replay.outcome.stuck.is_some() {
        waits(page, case);
    }
    page.raw("<section aria-labelledby=\"locks-title\">\n").element("h2", "id=\"locks-title\"", "Lock order");
    let edges = case.lock_edges();
    let over = if case.locks.is_some() { "any execution" } else { "this execution" };
    if edges.is_empty() {
        let words = format!("No thread took a lock in {over} while it held another one.");
        page.raw("\n").element("p", "", &words).raw("\n</section>\n");
        return;
    }
    let cycles = case.cycles();
    let in_cycle: BTreeSet<_> = cycles.iter().flat_map(|known| &known.cycle.edges).collect();
    let mut graph = Graph::default();
    for edge in &edges {
        graph.arc(&edge.held, &edge.then, &edge.thread, in_cycle.contains(edge));
    }
    let words =
        format!("Arrows lead from the lock that was held to the one that was taken, merged over {over}.");
    page.raw("\n").element("p", "", &words).raw("\n");
    graph.draw(page, "locks", "Lock order: the table below says the same");
    for known in &cycles {
        page.raw("<p class=\"broken\"><span aria-hidden=\"true\">✗ </span>");
        let became = known.became.as_ref().map_or("Locks are taken in a circle", |(words, _)| words.as_str());
        page.text(&plain(&format!("{became}: {}", known.cycle)));
        if let Some((_, Some(token))) = &known.became {
            page.raw(" Token: ").element("code", "", token);
        }
        page.raw("</p>\n");
    }
    let has_tokens = case.locks.is_some();
    page.raw("<table class=\"graph\"><caption>Lock order</caption>\n<thead><tr><th scope=\"col\">Held</th><th scope=\"col\">Taken</th><th scope=\"col\">Thread</th>");
    page.raw(if has_tokens { "<th scope=\"col\">Token of an execution that shows it</th>" } else { "" });
    page.raw("</tr></thead>\n<tbody>\n");
    for edge in &edges {
        page.raw(if in_cycle.contains(edge) { "<tr class=\"broken\">" } else { "<tr>" });
        for words in [&edge.held, &edge.then, &edge.thread] {
            page.element("td", "", &plain(words));
        }
        if has_tokens {
            page.raw("<td>").element("code", "", &case.shown_by(edge).unwrap_or_default()).raw("</td>");
        }
        page.raw("</tr>\n");
    }
    page.raw("</tbody></table>\n</section>\n");
}

/// Who waits for whom at the end of a stuck execution.
fn waits(page: &mut Html, case: &Case<'_>) {
    let threads = case.replay.outcome.stuck.iter().flat_map(|stuck| &stuck.threads);
    page.raw("<section aria-labelledby=\"waits-title\">\n");
    page.element("h2", "id=\"waits-title\"", "Who waits for whom").raw("\n");
    let needs: BTreeMap<&str, &Vec<String>> =
        threads.clone().map(|waiting| (waiting.thread.as_str(), &waiting.waits_for)).collect();
    let mut graph = Graph::default();
    for waiting in threads.clone() {
        for other in &waiting.waits_for {
            let waits_to = waiting.operation.to_string();
            graph.arc(&waiting.thread, other, &waits_to, leads_to(&needs, other, &waiting.thread));
        }
    }
    if !graph.arcs.is_empty() {
        graph.draw(page, "waits", "Who waits for whom: the table below says the same");
    }
    page.raw("<table class=\"graph\"><caption>Threads that are not done</caption>\n<thead><tr><th scope=\"col\">Thread</th><th scope=\"col\">Where</th><th scope=\"col\">Waits at</th><th scope=\"col\">Holds</th><th scope=\"col\">Needs</th></tr></thead>\n<tbody>\n");
    for waiting in threads {
        page.raw("<tr>").element("th", "scope=\"row\"", &plain(&waiting.thread));
        let (place, holds) = (waiting.places(), waiting.holds.join(", "));
        for words in [&place, &waiting.operation.to_string(), &holds, &what_helps(waiting)] {
            page.element("td", "", &plain(if words.is_empty() { "–" } else { words }));
        }
        page.raw("</tr>\n");
    }
    page.raw("</tbody></table>\n</section>\n");
}

/// What a thread needs, under a head that says "Needs".
fn what_helps(waiting: &Waiting) -> String {
    let needs = waiting.needs_in_words().join("; ");
    needs.strip_prefix("needs ").map_or_else(|| needs.clone(), str::to_owned)
}

/// Whether what one thread needs leads to another.
fn leads_to(needs: &BTreeMap<&str, &Vec<String>>, from: &str, to: &str) -> bool {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(thread) = next.pop() {
        if thread == to {
            return true;
        }
        if seen.insert(thread) {
            next.extend(needs.get(thread).into_iter().flat_map(|needs| needs.iter().map(String::as_str)));
        }
    }
    false
}

/// Nodes and arcs.
#[derive(Default)]
struct Graph {
    nodes: Vec<String>,
    /// From a node to another: the labels, and whether it is part of a circle.
    arcs: BTreeMap<(usize, usize), (Vec<String>, bool)>,
}

impl Graph {
    fn node(&mut self, name: &str) -> usize {
        self.nodes.iter().position(|known| known == name).unwrap_or_else(|| {
            self.nodes.push(name.to_owned());
            self.nodes.len() - 1
        })
    }

    fn arc(&mut self, from: &str, to: &str, label: &str, in_circle: bool) {
        let ends = (self.node(from), self.node(to));
        let (labels, hot) = self.arcs.entry(ends).or_default();
        if !labels.iter().any(|known| known == label) {
            labels.push(label.to_owned());
        }
        *hot |= in_circle;
    }

    /// Draws the graph, with a name for who does not see it.
    fn draw(&self, page: &mut Html, id: &str, name: &str) {
        let width = |text: &String| text.chars().count() * CHARACTER;
        let node = self.nodes.iter().map(width).max().unwrap_or(0) + 24;
        let labels = self.arcs.values().map(|(labels, _)| width(&labels.join(", ")));
        let pitch = (node + 40).max(labels.max().unwrap_or(0) + 24);
        let reach = |forward: bool| {
            let arcs = self.arcs.keys().filter(|(from, to)| (from < to) == forward && from != to);
            arcs.map(|(from, to)| height(*from, *to) * 3 / 4 + 24).max().unwrap_or(8)
        };
        let (above, below) = (reach(true), reach(false));
        let (wide, high) = (pitch * (self.nodes.len() - 1) + node.max(pitch) + 16, above + NODE + below);
        let middle = |node: usize| pitch * node + node_offset(pitch, self.nodes.len(), wide);
        page.raw(&format!(
            "<svg class=\"graph\" role=\"img\" aria-labelledby=\"graph-{id}\" viewBox=\"0 0 {wide} {high}\" width=\"{wide}\" height=\"{high}\">"
        ));
        page.element("title", &format!("id=\"graph-{id}\""), name);
        for ((from, to), (labels, hot)) in self.arcs.iter().filter(|((from, to), _)| from != to) {
            let rise = height(*from, *to);
            let is_over = from < to;
            // Arcs leave and arrive beside the middle, on the side where they come from.
            let (start, end) = if is_over {
                (middle(*from) + 9, middle(*to) - 9)
            } else {
                (middle(*from) - 9, middle(*to) + 9)
            };
            let (edge, top, label, barb) = if is_over {
                (above, above - rise, above - rise * 3 / 4 - 6, above - 8)
            } else {
                let edge = above + NODE;
                (edge, edge + rise, edge + rise * 3 / 4 + 16, edge + 8)
            };
            page.raw(&format!(
                "<g{}><path d=\"M{start} {edge}C{start} {top} {end} {top} {end} {edge}M{} {barb}L{end} {edge}L{} {barb}\"/>",
                if *hot { " class=\"hot\"" } else { "" },
                end - 5,
                end + 5,
            ));
            let place = format!("x=\"{}\" y=\"{label}\"", usize::midpoint(start, end));
            page.element("text", &place, &plain(&labels.join(", "))).raw("</g>");
        }
        for (place, name) in self.nodes.iter().enumerate() {
            let (x, y) = (middle(place), above);
            page.raw(&format!(
                "<rect x=\"{}\" y=\"{y}\" width=\"{node}\" height=\"{NODE}\" rx=\"6\"/>",
                x - node / 2
            ));
            page.element("text", &format!("class=\"node\" x=\"{x}\" y=\"{}\"", y + 20), &plain(name));
        }
        page.raw("</svg>\n");
    }
}

/// How far the control points of an arc are from its nodes.
fn height(from: usize, to: usize) -> usize {
    RISE * from.abs_diff(to) + 10
}

/// Where the first node is, so that all of them stand in the middle.
fn node_offset(pitch: usize, nodes: usize, wide: usize) -> usize {
    (wide - pitch * (nodes - 1)) / 2
}
