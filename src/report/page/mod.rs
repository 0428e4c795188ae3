//! One execution as a web page: a single file that loads nothing, for who reads a failure without a terminal.
//!
//! Everything is in the markup; the script only moves a slider over it and folds what is idle away, so that a viewer
//! that runs no scripts shows all there is. Every text that comes from a scenario is escaped in [`html`], the one place
//! that knows how.

mod execution;
mod html;
mod locks;
mod outcome;

use execution::Sides;
use html::Html;

use super::case::Case;
use super::racing;
use super::words;
use super::words::plain;
use crate::engine::execution::Schedule;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Nothing is loaded, from nowhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The page of an execution, the same bytes for the same one.
#[must_use]
pub fn render(case: &Case<'_>) -> String {
    let mut page = Html::default();
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw(&format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n"));
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
    let rules = broken(case).join(", ");
    let title = if rules.is_empty() { case.name() } else { format!("{rules}: {}", case.name()) };
    page.element("title", "", &format!("{title} · turnloom"));
    page.raw("\n<style>\n").raw(STYLE).raw("</style>\n</head>\n<body>\n");
    page.raw("<a class=\"skip\" href=\"#execution\">Skip to the execution</a>\n");
    head(&mut page, case);
    page.raw("<main>\n");
    let sides = Sides::of(case);
    execution::section(&mut page, &sides);
    outcome::section(&mut page, case);
    locks::section(&mut page, case);
    page.raw("</main>\n");
    execution::dock(&mut page, &sides);
    page.raw("<script>\n").raw(SCRIPT).raw("</script>\n</body>\n</html>\n");
    page.text
}

/// The rules that are broken, each once.
fn broken(case: &Case<'_>) -> Vec<&'static str> {
    let violations = case.replay.violations.iter().chain(case.lock_violations);
    let mut rules: Vec<_> = violations.map(|violation| violation.rule).collect();
    rules.dedup();
    rules
}

/// What went wrong, the racing pair, and how to see it again.
fn head(page: &mut Html, case: &Case<'_>) {
    page.raw("<header>\n");
    page.element("p", "class=\"name\"", &case.name());
    page.element("h1", "", &plain(&case.job.scenario.title));
    page.raw("\n<ul class=\"verdict\">\n");
    for violation in case.replay.violations.iter().chain(case.lock_violations) {
        page.raw("<li class=\"broken\"><span aria-hidden=\"true\">✗</span> ");
        page.element("b", "", &words::attributed(violation.rule, violation.side));
        page.raw("<span class=\"vh\"> is broken</span>: ");
        page.sentence(&plain(&violation.message));
        page.element("small", "", &words::must_hold(violation.rule));
        page.raw("</li>\n");
    }
    if case.replay.violations.is_empty() && case.lock_violations.is_empty() {
        page.raw("<li class=\"well\"><span aria-hidden=\"true\">✓</span> No rule is broken in this execution.</li>\n");
    }
    page.raw("</ul>\n");
    drifted(page, case);
    page.raw("<dl class=\"facts\">\n");
    if let Some(sentence) = case.racing_pair() {
        page.element("dt", "", "Racing pair").raw("<dd>");
        // Names stand between backticks.
        for (place, part) in sentence.split('`').enumerate() {
            page.element(if place % 2 == 0 { "span" } else { "b" }, "", part);
        }
        page.raw("</dd>\n");
    } else if !case.replay.violations.is_empty() {
        page.element("dt", "", "Racing pair");
        page.element("dd", "", &racing::none(case.job, case.deciding_waits)).raw("\n");
    }
    command(page, case, "Replay", &case.replay.schedule);
    if let Some((_, passing)) = case.passing {
        command(page, case, "Nearest passing schedule", &passing.schedule);
    }
    page.element("dt", "", "Source").element("dd", "", &plain(&case.job.scenario.source));
    page.raw("\n</dl>\n</header>\n");
}

fn drifted(page: &mut Html, case: &Case<'_>) {
    if let Some(asked) = case.spared {
        let words = "What follows is the execution of the token that was asked for, without switches that it can spare. That token: ";
        page.raw("<p class=\"note\">").text(words).element("code", "", asked).raw("</p>\n");
    }
    if case.drift.is_empty() {
        return;
    }
    page.raw("<div class=\"note\"><p>The scenario or the runtime has changed since the token was made; what follows is as near as it comes.</p>\n<ul>\n");
    for drift in case.drift {
        page.raw("<li>").sentence(&plain(&drift.to_string())).raw("</li>\n");
    }
    page.raw("</ul></div>\n");
}

/// A command with a button that copies it.
fn command(page: &mut Html, case: &Case<'_>, label: &str, schedule: &Schedule) {
    page.element("dt", "", label).raw("<dd class=\"command\">");
    page.element("code", "", &words::plain(&case.command(schedule)));
    let name = format!("Copy the command: {}", label.to_lowercase());
    page.raw(&format!(
        "<button type=\"button\" class=\"copy\" aria-label=\"{name}\" hidden>Copy</button></dd>\n"
    ));
}
