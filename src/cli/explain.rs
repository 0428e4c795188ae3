//! `turnloom explain`: what a name stands for and where it comes from.

use std::fmt::Write;

use super::Exit;
use super::audit::DEMANDS;
use super::console::Console;
use super::environment::{VARIABLES, Variable};
use crate::report::json::Demand;
use crate::report::words::wrap;
use crate::rules as check;
use crate::rules::{Basis, PROFILES, Profile, bases, basis, rules};
use crate::subject::model::{Change, DECISIONS, DEFECTS, Decision, Defect, REVISIONS, Revision};
use crate::terms::nearest;
use crate::verify::protocol::RULES;

/// The kinds of names, each with the heading of its list.
const KINDS: [&str; 6] = ["rules", "profiles", "defects", "decisions", "revisions", "variables"];

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
            &format!(
                "failed to explain `{name}`: no rule, profile, defect, decision, revision or variable has this name"
            ),
            &help,
        );
    }
    console.out(&pages.join("\n"));
    Exit::Clean
}

fn all_names() -> impl Iterator<Item = &'static str> {
    let rules = bases().map(|basis| basis.rule);
    let profiles = PROFILES.iter().map(|(_, name, _)| *name);
    let defects = DEFECTS.iter().flat_map(|defect| [defect.name, defect.row]);
    let demands = DEMANDS.iter().flat_map(|demand| [demand.name, demand.id]);
    let decisions = DECISIONS.iter().map(|decision| decision.name);
    let revisions = REVISIONS.iter().map(|revision| revision.name);
    let variables = VARIABLES.iter().flat_map(|variable| variable.names).copied();
    let revisions = revisions.chain(variables);
    rules.chain(profiles).chain(defects).chain(demands).chain(decisions).chain(revisions).chain(KINDS)
}

fn list(kind: &str) -> String {
    let lines: Vec<(&str, &str)> = match kind {
        "rules" => {
            let of_transcripts = RULES.iter().filter(|rule| check::rule(rule.name).is_none());
            let of_transcripts = of_transcripts.map(|rule| (rule.name, rule.title));
            rules().iter().map(|rule| (rule.name(), rule.title())).chain(of_transcripts).collect()
        }
        "profiles" => PROFILES.iter().map(|(_, name, meaning)| (*name, *meaning)).collect(),
        "defects" => DEFECTS.iter().map(|defect| (defect.name, defect.harm)).collect(),
        "decisions" => DECISIONS.iter().map(|decision| (decision.name, decision.question)).collect(),
        "variables" => {
            let named =
                |variable: &'static Variable| variable.names.iter().map(|name| (*name, variable.meaning));
            VARIABLES.iter().flat_map(named).collect()
        }
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
    let mut pages: Vec<String> = basis(name).map(of_rule).into_iter().collect();
    pages.extend(PROFILES.iter().filter(|(_, profile, _)| *profile == name).map(of_profile));
    let is_named = |defect: &&Defect| defect.name == name || defect.row.eq_ignore_ascii_case(name);
    pages.extend(DEFECTS.iter().filter(is_named).map(of_defect));
    let is_meant = |demand: &&Demand| demand.name == name || demand.id.eq_ignore_ascii_case(name);
    pages.extend(DEMANDS.iter().filter(is_meant).map(of_demand));
    pages.extend(DECISIONS.iter().filter(|decision| decision.name == name).map(of_decision));
    pages.extend(REVISIONS.iter().filter(|revision| revision.name == name).map(of_revision));
    pages.extend(VARIABLES.iter().filter(|variable| variable.names.contains(&name)).map(of_variable));
    pages
}

fn of_rule(of: &Basis) -> String {
    let of_execution = rules().iter().find(|rule| rule.name() == of.rule);
    let of_transcript = RULES.iter().find(|rule| rule.name == of.rule);
    let (title, mut page) = match (of_execution, of_transcript) {
        (Some(rule), _) => (rule.title(), rule.page().to_owned()),
        (None, Some(rule)) => {
            let page = format!("Held against transcripts by `turnloom verify`.\n\nSource: {}.", of.cited());
            (rule.title, page)
        }
        (None, None) => ("", String::new()),
    };
    let _ =
        write!(page, "\n\nProfile {}, binds {}, rests on: {}.", of.profile.name(), of.bound(), of.cited());
    format!("rule {}: {title}\n\n{}", of.rule, wrap(&page, "  "))
}

fn of_profile((profile, name, meaning): &(Profile, &str, &str)) -> String {
    let mut page = "A profile holds the rules of those before it too. Its own:\n".to_owned();
    let of_execution = |basis: &Basis| check::rule(basis.rule).is_some();
    for basis in bases().filter(|basis| basis.profile == *profile) {
        let by = if of_execution(basis) { "" } else { ", of transcripts" };
        let _ = writeln!(page, "  {} ({}{by})", basis.rule, basis.cited());
    }
    format!("profile {name}: {meaning}\n\n{}", wrap(&page, "  "))
}

/// A row of the catalogue that is a demand on turnloom itself.
fn of_demand(demand: &Demand) -> String {
    let mut page = format!("What must hold: {}.\n\nShown by\n", demand.demand);
    for test in demand.shown_by {
        let _ = writeln!(page, "  {test}");
    }
    let _ = write!(page, "\nSource: openhands-sdk #3376, a demand on the harness itself.");
    format!("demand {}: row {} of the race catalogue\n\n{}", demand.name, demand.id, wrap(&page, "  "))
}

fn of_defect(defect: &Defect) -> String {
    let Defect { name, row, decision, alternative, harm, source } = defect;
    let known = DECISIONS.iter().find(|known| known.name == *decision);
    let question = known.map_or("", |known| known.question);
    let alternatives = known.map_or(&[][..], |known| known.alternatives);
    let meaning =
        alternatives.iter().find(|known| known.name == *alternative).map_or("", |known| known.meaning);
    let scenario = format!("scenarios/{}-{name}.json", row.to_lowercase());
    let page = format!(
        "What goes wrong: {harm}.\n\n\
         Decision {decision}: {question}\n\
         With the defect on, {alternative}: {meaning}\n\n\
         Scenario: {scenario}\n\n\
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

fn of_variable(Variable { names, meaning, overruled_by }: &Variable) -> String {
    let mut page = format!("{meaning}.");
    if !overruled_by.is_empty() {
        let _ = write!(page, "\n\nOverruled by {overruled_by}.");
    }
    format!("variable {}\n\n{}", names.join(", "), wrap(&page, "  "))
}

#[cfg(test)]
mod tests {
    use super::{all_names, list, pages};

    #[test]
    fn every_name_has_a_page_with_its_source() {
        for name in all_names().filter(|name| !super::KINDS.contains(name)) {
            let pages = pages(name);
            assert!(!pages.is_empty(), "{name}");
            let without_source = ["revision ", "profile ", "variable "];
            let has_none = |page: &String| without_source.iter().any(|kind| page.starts_with(kind));
            assert!(pages.iter().all(|page| has_none(page) || page.contains("Source: ")), "{name}");
        }
    }

    #[test]
    fn a_list_has_a_line_a_name() {
        assert_eq!(list("defects").lines().count(), crate::subject::model::DEFECTS.len());
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

          Scenario: scenarios/r08-finish-gap.json

          Source: openhands-sdk #3376, review round 2.
        "#);
    }

    #[test]
    fn a_rule_says_how_binding_it_is_and_whom_it_binds() {
        assert!(pages("no-open-card").concat().ends_with(
            "\n  Profile acp-v1-should, binds the client, rests on: ACP v1 prompt-turn; R13, R33, N29.\n"
        ));
        insta::assert_snapshot!(pages("one-prompt-a-turn").concat(), @"
        rule one-prompt-a-turn: no second prompt comes during a turn

          Held against transcripts by `turnloom verify`.

          Source: not stated by ACP v1.

          Profile policy, binds the client, rests on: not stated by ACP v1.
        ");
        insta::assert_snapshot!(pages("acp-v1-should").concat(), @"
        profile acp-v1-should: what it recommends as well

          A profile holds the rules of those before it too. Its own:
            no-open-card (ACP v1 prompt-turn; R13, R33, N29)
            permitted-tools-report (ACP v1 prompt-turn, of transcripts)
        ");
        insta::assert_snapshot!(pages("r25").concat(), @"
        demand wall-clock-verdict: row R25 of the race catalogue

          What must hold: no verdict of the harness depends on real time.

          Shown by
            tests/machine.rs: r25_a_loaded_machine_and_a_single_core_change_no_byte

          Source: openhands-sdk #3376, a demand on the harness itself.
        ");
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
            close_in_flight: read_again (EventService.close)
            failed_prompt: at_once (ACPAgent._do_acp_prompt)
            server_death: unnoticed (Connection._receive_loop of agent-client-protocol 0.8.1)
            rerun_after_pause: if_internal (EventService._run_and_publish, should_restart)
            completed_step: status (LocalConversation.arun, after astep)
            completed_interrupt: status (LocalConversation.arun, except CancelledError)
            stuck_check: since_message (StuckDetector.is_stuck)
            cancelled_start: passed_on (EventService.interrupt)
            idle_pause: written_over (LocalConversation.arun, acp_step_user_message is None)
            permission_answer: selected (request_permission of the bridge)
            pending_actions: read_before_lock (LocalConversation.reject_pending_actions)
            session_record: unlocked (ACPAgent.init_state)
            refused_accept: dropped (EventService.respond_to_confirmation)
            rerun_while_waiting: dropped (EventService._run_and_publish, should_restart)
            tool_pool: shared (ParallelToolExecutor.aexecute_batch)
            overtaken_rerun: begins (EventService._run_and_publish, await self.run)
            model_switch: state_lock (LocalConversation.switch_acp_model)
            switched_session: copied (LocalConversation.switch_acp_model, old_agent.model_copy)
            switched_suffix: copied (LocalConversation.switch_acp_model, old_agent.model_copy)
            running_status: believed (EventService.run, await self._get_execution_status)
            late_stop: revokes (EventService.interrupt, EventService.pause)
            finished_callbacks: after_finish (ACPAgent.astep, finally)
            switched_model: noted_after (LocalConversation.switch_acp_model, model_copy)
            interrupted_start: untold (LocalConversation.arun, its third line)
            turn_restart: loop (ACPAgent.astep, self._restart_session_on_next_turn)
            supersede_check: newest (EventService._mark_running_acp_prompt_superseded_sync)
            sync_message: newest (ACPAgent.step, reversed(state.events))
            loaded_history: at_once (ACPAgent._start_acp_server, await conn.load_session)
            sync_prompt_lock: held (LocalConversation.run, with self._state around step)
        ");
    }
}
