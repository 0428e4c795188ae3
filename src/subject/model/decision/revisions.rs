//! The revisions: full sets of decisions, each what one state of the real code decided.
//!
//! Each is told as its difference from a later one, so that a table can be held against one change of the real code.
//! The review rounds are named by the state that was reviewed: `round-3` has what the third round found.

/// A full set of decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// Its name in scenario files.
    pub name: &'static str,
    /// What it stands for, with its release or commit.
    pub meaning: &'static str,
    /// The revision that it is told from; none for the one that has every first alternative.
    pub like: Option<&'static str>,
    /// Where it differs from that one.
    pub changes: &'static [Change],
}

/// One decision in which a revision differs from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The decision.
    pub decision: &'static str,
    /// What this revision decided.
    pub alternative: &'static str,
    /// Where that is to be read in its code.
    pub place: &'static str,
}

impl Revision {
    /// The revision of this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        REVISIONS.iter().find(|known| known.name == name)
    }

    /// All that differs from the first alternatives, what is told last last; a later change of a decision replaces an
    /// earlier one.
    #[must_use]
    pub fn all_changes(&self) -> Vec<Change> {
        let before = self.like.and_then(Self::named).map(Self::all_changes).unwrap_or_default();
        let kept =
            before.into_iter().filter(|old| self.changes.iter().all(|new| new.decision != old.decision));
        kept.chain(self.changes.iter().copied()).collect()
    }
}

const fn change(decision: &'static str, alternative: &'static str, place: &'static str) -> Change {
    Change { decision, alternative, place }
}

/// Every revision, the newest first.
pub const REVISIONS: &[Revision] = &[
    Revision {
        name: "fixed",
        meaning: "release 1.25.0 with the decisions changed that its own remaining findings need",
        like: None,
        changes: &[],
    },
    Revision {
        name: "1.25.0",
        meaning: "openhands-sdk and openhands-agent-server 1.25.0: the merged state of #3376 and #3395",
        like: Some("fixed"),
        changes: &[
            change("tool_token", "current", "LocalConversation.cancel_token"),
            change("live_update", "unserialized", "session_update of the bridge"),
            change("rerun_wanted", "idle", "EventService._run_and_publish"),
            change("stop_before_start", "overridden", "EventService.pause, LocalConversation.arun"),
            change("state_update", "read_ahead", "EventService._publish_state_update"),
            change("sync_timeout", "reused", "ACPAgent.step, the handler of TimeoutError"),
            change("sync_after_error", "go_on", "LocalConversation.run"),
            change("rerun_generation", "internal_only", "EventService._run_and_publish"),
            change("close_in_flight", "read_again", "EventService.close"),
            change("failed_prompt", "at_once", "ACPAgent._do_acp_prompt"),
            change("server_death", "unnoticed", "Connection._receive_loop of agent-client-protocol 0.8.1"),
            change("rerun_after_pause", "if_internal", "EventService._run_and_publish, should_restart"),
            change("completed_step", "status", "LocalConversation.arun, after astep"),
            change("completed_interrupt", "status", "LocalConversation.arun, except CancelledError"),
            change("stuck_check", "since_message", "StuckDetector.is_stuck"),
            change("cancelled_start", "passed_on", "EventService.interrupt"),
            change("idle_pause", "written_over", "LocalConversation.arun, acp_step_user_message is None"),
            change("permission_answer", "selected", "request_permission of the bridge"),
            change("pending_actions", "read_before_lock", "LocalConversation.reject_pending_actions"),
            change("session_record", "unlocked", "ACPAgent.init_state"),
            change("refused_accept", "dropped", "EventService.respond_to_confirmation"),
            change("rerun_while_waiting", "dropped", "EventService._run_and_publish, should_restart"),
            change("tool_pool", "shared", "ParallelToolExecutor.aexecute_batch"),
            change("overtaken_rerun", "begins", "EventService._run_and_publish, await self.run"),
            change("model_switch", "state_lock", "LocalConversation.switch_acp_model"),
            change("switched_session", "copied", "LocalConversation.switch_acp_model, old_agent.model_copy"),
            change("switched_suffix", "copied", "LocalConversation.switch_acp_model, old_agent.model_copy"),
            change("running_status", "believed", "EventService.run, await self._get_execution_status"),
            change("late_stop", "revokes", "EventService.interrupt, EventService.pause"),
            change("finished_callbacks", "after_finish", "ACPAgent.astep, finally"),
            change("switched_model", "noted_after", "LocalConversation.switch_acp_model, model_copy"),
            change("interrupted_start", "untold", "LocalConversation.arun, its third line"),
            change("turn_restart", "loop", "ACPAgent.astep, self._restart_session_on_next_turn"),
            change("supersede_check", "newest", "EventService._mark_running_acp_prompt_superseded_sync"),
            change("sync_message", "newest", "ACPAgent.step, reversed(state.events)"),
            change("loaded_history", "at_once", "ACPAgent._start_acp_server, await conn.load_session"),
            change("sync_prompt_lock", "held", "LocalConversation.run, with self._state around step"),
        ],
    },
    Revision {
        name: "merged",
        meaning: "#3376 as it was merged, 5e614afe4, before what else is in 1.25.0",
        like: Some("1.25.0"),
        changes: &[
            change("switch_tool", "takes_lock", "LocalConversation.switch_llm"),
            change("token_at_end", "cleared", "LocalConversation.arun, finally"),
            change("agent_start", "loop", "LocalConversation.arun, its first line"),
            change("failed_start", "untold", "ACPAgent.init_state, except Exception"),
            change("unfinished_cards", "left_open", "ACPAgent._finalize_successful_turn"),
        ],
    },
    Revision {
        name: "round-7",
        meaning: "#3376 at c3749ffa8, with what was open when its thread was captured",
        like: Some("merged"),
        changes: &[
            change("first_prompt", "newest", "LocalConversation.arun, user_messages[-1]"),
            change("caught_up", "step", "LocalConversation.arun, acp_step_user_message_id is None"),
            change("late_pause", "written_over", "LocalConversation.arun, after astep"),
            change("failed_message", "passed_over", "LocalConversation.arun, before it looks for ERROR"),
            change("drain_result", "discarded", "ACPAgent._drain_cancelled_prompt returns a flag"),
            change("second_cancel", "escapes", "ACPAgent.astep, except CancelledError"),
            change("cancel_send", "limited", "ACPAgent._arequest_session_cancel"),
            change(
                "turn_callbacks",
                "after_restart",
                "ACPAgent._cancel_inflight_tool_calls, and finally of astep",
            ),
            change("undrained_session", "restart_under_lock", "ACPAgent.astep, except TimeoutError"),
            change("supersede", "interrupted", "EventService._should_interrupt_running_acp_turn"),
            change("supersede_check", "none", "EventService._should_interrupt_running_acp_turn"),
            change("explicit_stop", "forgotten", "EventService.pause and interrupt"),
            change("rerun_after_pause", "always", "EventService._run_and_publish"),
            change("rerun_wanted", "kept_for_idle", "EventService._run_and_publish"),
            change("closing", "begins", "EventService.close and run"),
            change("dispatch", "by_conversation", "EventService.run, before #3404"),
        ],
    },
    Revision {
        name: "round-6",
        meaning: "#3376 at 1c390afa4, before c3749ffa8",
        like: Some("round-7"),
        changes: &[change("restart_session", "new", "ACPAgent._restart_session_after_drain_timeout")],
    },
    Revision {
        name: "round-5",
        meaning: "#3376 as its fifth review round found it, f1ca28d22, before ffeb8816e",
        like: Some("round-6"),
        changes: &[
            change("failed_turn", "unlocked", "ACPAgent.astep, except TimeoutError and except Exception"),
            change("undrained_session", "restart_after_timeout", "ACPAgent.astep, except TimeoutError"),
            change("cursor", "run", "LocalConversation.arun, last_acp_prompt_user_message_id"),
            change("rerun_after_pause", "never", "EventService._run_and_publish"),
            change("rerun_wanted", "idle", "EventService._run_and_publish"),
            change("refused_rerun", "dropped", "EventService._run_and_publish, suppress(ValueError)"),
        ],
    },
    Revision {
        name: "round-4",
        meaning: "#3376 as its fourth review round found it, ce68215ee, before f581a0115",
        like: Some("round-5"),
        changes: &[
            change("cursor_advance", "no_cursor", "LocalConversation.arun, last_user_message_id"),
            change("after_error", "go_on", "LocalConversation.arun, after astep"),
            change("cancel_send", "unbounded", "ACPAgent._arequest_session_cancel"),
            change("suffix_marker", "conversation", "ACPAgent._restart_session_after_drain_timeout"),
            change("undrained_session", "restart_in_handler", "ACPAgent.astep, except CancelledError"),
            change("interrupt_limit", "run", "EventService.interrupt, wait_for without shield"),
        ],
    },
    Revision {
        name: "round-3",
        meaning: "#3376 as its third review round found it, c9bbb68b8, before ce68215ee",
        like: Some("round-4"),
        changes: &[
            change("timeout_report", "before_drain", "ACPAgent.astep, except TimeoutError"),
            change("undrained_session", "reuse", "ACPAgent._drain_cancelled_prompt returns nothing"),
            change("last_iteration", "ignored", "LocalConversation.arun, after astep"),
        ],
    },
    Revision {
        name: "round-2",
        meaning: "#3376 as its second review round found it, 55b6c3801, before c9bbb68b8",
        like: Some("round-3"),
        changes: &[
            change("successful_turn", "unlocked", "ACPAgent.astep, _finalize_successful_turn"),
            change("card_closing", "before_drain", "ACPAgent.astep, except CancelledError"),
            change("late_message", "idle", "LocalConversation.arun, looks for FINISHED only"),
        ],
    },
    Revision {
        name: "round-1",
        meaning: "#3376 as its first review round found it, b336d05bb, before 6c8902646",
        like: Some("round-2"),
        changes: &[
            change("step_message", "newest", "ACPAgent.astep, reversed(state.events)"),
            change("cancelled_prompt", "abandoned", "ACPAgent.astep, _request_session_cancel"),
        ],
    },
    Revision {
        name: "base",
        meaning: "the main branch before #3376, 41169ac4a",
        like: Some("round-1"),
        changes: &[
            change("prompt_lock", "held", "LocalConversation.arun, with self._state around astep"),
            change("cancelled_prompt", "forgotten", "ACPAgent.astep and step send no session/cancel"),
            change("supersede", "left", "EventService.send_message"),
            change("token_chunks", "llm_only", "EventService.start, streaming_enabled"),
        ],
    },
    Revision {
        name: "1.24.0",
        meaning: "openhands-sdk and openhands-agent-server 1.24.0: base with #3404",
        like: Some("base"),
        changes: &[change("dispatch", "by_agent", "EventService.run, has_native_arun")],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::REVISIONS;
    use crate::subject::model::Decisions;

    #[test]
    fn each_names_what_there_is_and_each_change_changes_something() {
        let of = |name| Decisions::of(name, &BTreeMap::new(), &[]).expect("a revision names what there is");
        for revision in REVISIONS {
            assert!(revision.like.is_some() || of(revision.name) == Decisions::default());
            let like = revision.like.unwrap_or("fixed");
            for change in revision.changes {
                let changes = [(change.decision.to_owned(), change.alternative.to_owned())].into();
                let changed = Decisions::of(like, &changes, &[]).expect("an alternative that there is");
                assert_ne!(changed, of(like), "{} of {}", change.decision, revision.name);
            }
        }
    }
}
