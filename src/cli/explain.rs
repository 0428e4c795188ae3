//! `turnloom explain`: what a name stands for and where it comes from.
//!
//! It must not know any name itself; the rules and the decisions do.

use std::fmt::Write;

use super::Exit;
use super::console::Console;
use super::names::nearest;
use crate::check::{Rule, rule, rules};
use crate::report::words::wrap;
use crate::runtime::{Change, DECISIONS, DEFECTS, Decision, Defect, REVISIONS, Revision};

/// The kinds of names, each with the heading of its list.
const KINDS: [&str; 4] = ["rules", "defects", "decisions", "revisions"];

/// Explains a name, or lists the names of one kind or of all.
pub(super) fn run(console: &mut Console, name: Option<&str>) -> Exit {
    let Some(name) = name else {
        let lists: Vec<_> = KINDS.iter().map(|kind| format!("{kind}\n{}", list(kind))).collect();
        console.out(&lists.join("\n"));
        return Exit::Clean;
    };
    if KINDS.contains(&name) {
        console.out(&list(name));
        return Exit::Clean;
    }
    let pages = pages(name);
    if pages.is_empty() {
        let help = match nearest(name, all_names()) {
            Some(near) => format!("did you mean `{near}`? `turnloom explain` lists every name"),
            None => "`turnloom explain` lists every name".to_owned(),
        };
        let name = name.escape_debug();
        return console.refuse(
            &format!("failed to explain `{name}`: no rule, defect, decision or revision has this name"),
            &help,
        );
    }
    console.out(&pages.join("\n"));
    Exit::Clean
}

fn all_names() -> impl Iterator<Item = &'static str> {
    let rules = rules().iter().map(|rule| rule.name());
    let defects = DEFECTS.iter().flat_map(|defect| [defect.name, defect.row]);
    let decisions = DECISIONS.iter().map(|decision| decision.name);
    rules.chain(defects).chain(decisions).chain(REVISIONS.iter().map(|revision| revision.name)).chain(KINDS)
}

fn list(kind: &str) -> String {
    let lines: Vec<(&str, &str)> = match kind {
        "rules" => rules().iter().map(|rule| (rule.name(), rule.title())).collect(),
        "defects" => DEFECTS.iter().map(|defect| (defect.name, defect.harm)).collect(),
        "decisions" => DECISIONS.iter().map(|decision| (decision.name, decision.question)).collect(),
        _ => REVISIONS.iter().map(|revision| (revision.name, revision.meaning)).collect(),
    };
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    lines.iter().fold(String::new(), |mut text, (name, words)| {
        let _ = writeln!(text, "  {name:width$}   {words}");
        text
    })
}

/// All that has this name: a name may be one of a rule and of a defect.
fn pages(name: &str) -> Vec<String> {
    let mut pages: Vec<String> = rule(name).map(of_rule).into_iter().collect();
    let is_named = |defect: &&Defect| defect.name == name || defect.row.eq_ignore_ascii_case(name);
    pages.extend(DEFECTS.iter().filter(is_named).map(of_defect));
    pages.extend(DECISIONS.iter().filter(|decision| decision.name == name).map(of_decision));
    pages.extend(REVISIONS.iter().filter(|revision| revision.name == name).map(of_revision));
    pages
}

fn of_rule(rule: &dyn Rule) -> String {
    format!("rule {}: {}\n\n{}", rule.name(), rule.title(), wrap(rule.page(), "  "))
}

fn of_defect(defect: &Defect) -> String {
    let Defect { name, row, decision, alternative, harm, source } = defect;
    let known = DECISIONS.iter().find(|known| known.name == *decision);
    let question = known.map_or("", |known| known.question);
    let alternatives = known.map_or(&[][..], |known| known.alternatives);
    let meaning =
        alternatives.iter().find(|known| known.name == *alternative).map_or("", |known| known.meaning);
    let page = format!(
        "What goes wrong: {harm}.\n\n\
         Decision {decision}: {question}\n\
         With the defect on, {alternative}: {meaning}\n\n\
         Source: {source}."
    );
    format!("defect {name}: row {row} of the race catalogue\n\n{}", wrap(&page, "  "))
}

fn of_decision(decision: &Decision) -> String {
    let Decision { name, question, alternatives, source } = decision;
    let mut page = String::new();
    for (place, alternative) in alternatives.iter().enumerate() {
        let fixed = if place == 0 { " (what `fixed` takes)" } else { "" };
        let _ = writeln!(page, "{}{fixed}: {}", alternative.name, alternative.meaning);
    }
    let defects = DEFECTS.iter().filter(|defect| defect.decision == *name);
    for defect in defects {
        let _ = writeln!(page, "\nDefect {} ({}) is {}.", defect.name, defect.row, defect.alternative);
    }
    let _ = write!(page, "\nSource: {source}.");
    format!("decision {name}: {question}\n\n{}", wrap(&page, "  "))
}

fn of_revision(revision: &Revision) -> String {
    let Revision { name, meaning, like, changes } = revision;
    let mut page = match like {
        None => "Every decision has its first alternative.".to_owned(),
        Some(like) => format!("As {like}, but for:"),
    };
    for Change { decision, alternative, place } in *changes {
        let _ = write!(page, "\n  {decision}: {alternative} ({place})");
    }
    format!("revision {name}: {meaning}\n\n{}", wrap(&page, "  "))
}

#[cfg(test)]
mod tests {
    use super::{all_names, list, pages};

    #[test]
    fn every_name_has_a_page_with_its_source() {
        for name in all_names().filter(|name| !super::KINDS.contains(name)) {
            let pages = pages(name);
            assert!(!pages.is_empty(), "{name}");
            let is_revision = |page: &String| page.starts_with("revision ");
            assert!(pages.iter().all(|page| is_revision(page) || page.contains("Source: ")), "{name}");
        }
    }

    #[test]
    fn a_list_has_a_line_a_name() {
        assert_eq!(list("defects").lines().count(), crate::runtime::DEFECTS.len());
        assert!(list("revisions").starts_with("  fixed    "));
    }

    #[test]
    fn a_row_of_the_catalogue_is_its_defect() {
        assert_eq!(pages("r08"), pages("finish-gap"));
        insta::assert_snapshot!(pages("finish-gap").concat(), @r#"
        defect finish-gap: row R08 of the race catalogue

          What goes wrong: a message persisted between the last look and the write of FINISHED is left
          unprompted.

          Decision finish_check: Are the last look for new messages and the write of FINISHED one critical
          section?
          With the defect on, split: The lock is let go between the look and the write.

          Source: openhands-sdk #3376, review round 2.
        "#);
    }

    #[test]
    fn a_decision_names_its_defects_and_a_revision_its_changes() {
        insta::assert_snapshot!(pages("finish_check").concat(), @r#"
        decision finish_check: Are the last look for new messages and the write of FINISHED one critical section?

          atomic (what `fixed` takes): Both happen under one hold of the state lock.
          split: The lock is let go between the look and the write.

          Defect finish-gap (R08) is split.

          Source: openhands-sdk #3376, review round 2.
        "#);
        insta::assert_snapshot!(pages("1.25.0").concat(), @"
        revision 1.25.0: openhands-sdk and openhands-agent-server 1.25.0: the merged state of #3376 and #3395

          As fixed, but for:
            tool_token: current (LocalConversation.cancel_token)
            live_update: unserialized (session_update of the bridge)
            rerun_wanted: idle (EventService._run_and_publish)
            stop_before_start: overridden (EventService.pause, LocalConversation.arun)
            state_update: read_ahead (EventService._publish_state_update)
            sync_timeout: reused (ACPAgent.step, the handler of TimeoutError)
            sync_after_error: go_on (LocalConversation.run)
            rerun_generation: internal_only (EventService._run_and_publish)
            close_in_flight: paused_first (EventService.close)
            failed_prompt: at_once (ACPAgent._do_acp_prompt)
            server_death: unnoticed (Connection._receive_loop of agent-client-protocol 0.8.1)
        ");
    }
}
