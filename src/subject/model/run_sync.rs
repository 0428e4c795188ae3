//! `run`: the run loop on the caller's thread.
//!
//! Stands for the loop of `LocalConversation.run` (`sdk/conversation/impl/local_conversation.py`) of 1.25.0, which holds the
//! state lock across each step. For an ACP agent two decisions say what else it may do: `sync_message` and
//! `sync_prompt_lock`.

use super::asyncio::{Exception, Result};
use crate::engine::kernel::{FifoGuard, Flag};
use crate::terms::Status;

use super::acp_agent::AcpAgent;
use super::arun::{Flow, Run};
use super::conversation::{Agent, LocalConversation};
use super::decision::{CaughtUp, SyncAfterError, SyncMessage};

impl LocalConversation {
    /// Whether a synchronous run takes the messages of the queue one after the other.
    fn sync_run_takes_queue(&self) -> bool {
        self.is_acp() && self.inner.decisions.sync_message == SyncMessage::Next
    }

    /// The cursor and the status at the begin of a run; none if it is not to start.
    pub(super) fn start_sync_run(&self, number: u32, stopped: Option<&Flag>) -> Option<Run> {
        let stops_after_error = self.inner.decisions.sync_after_error == SyncAfterError::Stop;
        if self.sync_run_takes_queue() {
            return self.start_run(number, stopped, stops_after_error);
        }
        self.set_running(number, stopped).then(|| Run::new(number, None, stops_after_error))
    }

    /// `except Exception`
    pub(super) fn fail_sync_run(&self, error: &Exception) {
        if self.sync_run_takes_queue() {
            self.forget_inflight_prompt();
        }
        self.fail(error);
    }

    pub(super) fn run_loop(&self, run: &mut Run) -> Result<()> {
        loop {
            self.restart_between_steps()?;
            if self.iterate_sync(run)? == Flow::Break {
                return Ok(());
            }
        }
    }

    fn iterate_sync(&self, run: &mut Run) -> Result<Flow> {
        let state = &self.inner.state;
        let held = state.lock();
        let status = state.status();
        if matches!(status, Status::Paused | Status::Stuck | Status::Finished) {
            return Ok(Flow::Break);
        }
        if self.ends_stuck() {
            return Ok(Flow::Continue);
        }
        self.take_for_confirmed(status);
        match self.agent() {
            Agent::Acp(agent) => self.iterate_acp_sync(run, &agent, held),
            Agent::Llm(agent) | Agent::Sync(agent) => {
                self.note_step_with_newest(run.number);
                agent.step(self, &self.turn(None, false))?;
                Ok(self.after_sync_step(run))
            }
        }
    }

    /// An iteration with an ACP agent, which begins as the owner of the state lock.
    fn iterate_acp_sync(&self, run: &mut Run, agent: &AcpAgent, held: FifoGuard) -> Result<Flow> {
        let state = &self.inner.state;
        let frees = self.inner.decisions.frees_lock_during_sync_step();
        let turn = self.turn(None, frees);
        if !self.sync_run_takes_queue() {
            self.note_step_with_newest(run.number);
            let _held = if frees {
                drop(held);
                None
            } else {
                Some(held)
            };
            agent.step(state, &turn, None)?;
            return Ok(self.after_sync_step(run));
        }
        let message = self.choose_message(run);
        let _held = if frees {
            drop(held);
            None
        } else {
            Some(held)
        };
        if message.is_none() && self.inner.decisions.caught_up == CaughtUp::Finish {
            return Ok(self.finish_without_message(run));
        }
        if self.begin_step(run, message.as_ref()) == Flow::Break {
            return Ok(Flow::Break);
        }
        agent.step(state, &turn, message.clone())?;
        Ok(self.after_step(run, message))
    }

    /// What follows a step that took the newest message.
    fn after_sync_step(&self, run: &mut Run) -> Flow {
        let state = &self.inner.state;
        let _held = state.lock();
        run.iteration += 1;
        self.note_step_end(run.number);
        let status = state.status();
        if status == Status::WaitingForConfirmation || (run.stops_after_error && status == Status::Error) {
            return Flow::Break;
        }
        if run.iteration < self.inner.max_iteration_per_run {
            return Flow::Continue;
        }
        if status != Status::Finished {
            self.reach_iteration_limit();
        }
        Flow::Break
    }
}
