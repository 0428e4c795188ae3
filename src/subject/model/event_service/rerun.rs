//! What the service begins by itself: the run that replaces a superseded prompt, and the one for a message whose own
//! was refused.
//!
//! Stands for `_mark_running_acp_prompt_superseded` and the end of `_run_and_publish`.

use super::{ALREADY_RUNNING, EventService, OVERTAKEN, Wanted};
use crate::subject::model::asyncio::{Exception, Result};
use crate::terms::Status;

use crate::subject::model::conversation::LocalConversation;
use crate::subject::model::coverage::{Branch, reach};
use crate::subject::model::decision::{
    OvertakenRerun, RefusedRerun, RefusedRun, RerunAfterPause, RerunGeneration, RerunWanted,
    RerunWhileWaiting, SupersedeCheck,
};
use crate::subject::model::state::{AgentState, MessageId};

/// The messages whose run was refused, as one was under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct RefusedRequest {
    pub(super) messages: Vec<MessageId>,
    /// The user's stops up to the moment in which the last of them was sent.
    pub(super) generation: u32,
    /// The last run that was under way.
    pub(super) run: u32,
}

impl RefusedRequest {
    /// Both requests, whichever was refused first: the one may wait for a run though the other has had its own.
    fn and(self, other: Self) -> Self {
        Self {
            messages: [self.messages, other.messages].concat(),
            generation: self.generation.max(other.generation),
            run: self.run.max(other.run),
        }
    }
}

/// What a worker found when it marked the prompt in flight as superseded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Superseded {
    pub(super) did_mark: bool,
    /// The message in whose place the prompt was, if it was marked.
    pub(super) newest: Option<MessageId>,
    /// Whether the prompt goes on, as the message has its turn by it already.
    pub(super) active_prompt_has_latest_message: bool,
}

impl EventService {
    /// A message's run was refused: decision `refused_run`.
    pub(super) fn request_rerun(&self, request: RefusedRequest, interrupted_acp: bool) {
        let inner = &self.inner;
        if self.decisions().refused_run == RefusedRun::Dropped {
            return;
        }
        self.keep_request(request);
        if interrupted_acp {
            inner.acp_internal_rerun_requested.set(true);
        }
    }

    fn keep_request(&self, request: RefusedRequest) {
        let requested = &self.inner.rerun_requested;
        let both = match requested.take() {
            Some(other) => other.and(request),
            None => request,
        };
        requested.set(Some(both));
    }

    pub(super) async fn mark_running_acp_prompt_superseded(&self, message: &MessageId) -> Result<Superseded> {
        let (this, message) = (self.clone(), message.clone());
        self.in_executor("mark superseded", move |_| Ok(this.mark_superseded_sync(&message))).await
    }

    /// `_should_interrupt_running_acp_turn` of the first review rounds: any run in flight will do.
    pub(super) async fn look_for_running_acp_turn(&self) -> Result<Superseded> {
        let in_flight = self.inner.run_task.get().is_some_and(|run| !run.task.done());
        let is_acp = self.inner.conversation.is_acp();
        let did_mark = in_flight && is_acp && self.execution_status().await? == Status::Running;
        Ok(Superseded { did_mark, ..Superseded::default() })
    }

    /// On a worker.
    fn mark_superseded_sync(&self, message: &MessageId) -> Superseded {
        let nothing = Superseded::default();
        let conversation = &self.inner.conversation;
        if self.inner.run_task.get().is_none() || !conversation.is_acp() {
            reach(Branch::SupersedeWithoutRun);
            return nothing;
        }
        let state = conversation.state();
        let _held = state.lock();
        if state.status() != Status::Running {
            reach(Branch::SupersedeTooLate);
            return nothing;
        }
        let agent_state = state.agent_state.get();
        let messages = state.prompt_messages();
        let (Some(inflight), Some(newest)) = (&agent_state.inflight_prompt, messages.last().cloned()) else {
            reach(Branch::SupersedeBeforePrompt);
            return nothing;
        };
        let goes_on = match self.decisions().supersede_check {
            SupersedeCheck::Older => place(&messages, inflight) >= place(&messages, message),
            SupersedeCheck::Newest => *inflight == newest,
            SupersedeCheck::None => false,
        };
        if goes_on {
            reach(Branch::SupersedeOwnPrompt);
            return Superseded { active_prompt_has_latest_message: true, ..nothing };
        }
        reach(Branch::Superseded);
        state.agent_state.set(AgentState { supersede_inflight: true, ..agent_state });
        Superseded { did_mark: true, newest: Some(newest), ..nothing }
    }

    /// Starts the run that was refused while the old one came to its end.
    pub(super) async fn rerun_if_wanted(&self) -> Result<()> {
        let inner = &self.inner;
        let requested = inner.rerun_requested.take();
        let internal = inner.acp_internal_rerun_requested.replace(false);
        let Some(request) = requested else { return Ok(()) };
        let generation = self.stops();
        let status = self.status_if_wanted(&request.messages).await?;
        let still_valid = !self.stopped_since(generation).await?;
        let internal_valid = internal && still_valid;
        let is_acp = inner.conversation.is_acp();
        let after_pause = match self.decisions().rerun_after_pause {
            RerunAfterPause::AskedSinceStop => !self.stopped_since(request.generation).await?,
            RerunAfterPause::IfInternal => is_acp && internal_valid,
            RerunAfterPause::Always => is_acp,
            RerunAfterPause::Never => false,
        };
        if still_valid && status.is_some() && self.another_run_is_on() {
            self.keep_refused(RefusedRequest { run: inner.run_tasks.get(), ..request }, internal);
            return Ok(());
        }
        let restart = still_valid
            && match status {
                Some(Status::Idle) => true,
                Some(Status::Paused) => after_pause,
                Some(Status::WaitingForConfirmation) => {
                    self.decisions().rerun_while_waiting == RerunWhileWaiting::Begins
                }
                _ => false,
            };
        if !restart {
            reach(if status.is_none() { Branch::RerunServed } else { Branch::RerunNotDue });
            if self.decisions().rerun_wanted == RerunWanted::KeptForIdle {
                self.keep_request(request);
            }
            return Ok(());
        }
        let up_to_its_begin = self.decisions().rerun_generation == RerunGeneration::UpToItsBegin;
        let asked = (internal_valid || up_to_its_begin).then_some(generation);
        match Box::pin(self.begin(Wanted::Rerun { generation: asked, run: request.run })).await {
            Err(Exception::Value(why)) if why == ALREADY_RUNNING => {
                reach(Branch::RerunRefused);
                self.keep_refused(request, internal);
                Ok(())
            }
            Err(Exception::Value(why)) if why == OVERTAKEN => {
                self.keep_refused(RefusedRequest { run: inner.run_tasks.get(), ..request }, internal);
                if self.another_run_is_on() { Ok(()) } else { Box::pin(self.rerun_if_wanted()).await }
            }
            other => other,
        }
    }

    /// Decision `overtaken_rerun`: whether a run has begun since the one that comes to its end here; its own end is still to
    /// come then.
    fn another_run_is_on(&self) -> bool {
        self.decisions().overtaken_rerun == OvertakenRerun::HandedOver
            && self.inner.run_task.get().is_some_and(|run| !run.task.done())
    }

    /// Decision `refused_rerun`: the end of the run that is on asks for it again.
    fn keep_refused(&self, request: RefusedRequest, internal: bool) {
        if self.decisions().refused_rerun == RefusedRerun::Kept {
            self.keep_request(request);
            self.inner.acp_internal_rerun_requested.set(internal);
        }
    }

    /// Decision `overtaken_rerun`: another run has begun since this one was asked for.
    pub(super) fn is_overtaken(&self, wanted: Wanted) -> bool {
        match wanted {
            Wanted::Rerun { run, .. } => {
                run != self.inner.run_tasks.get()
                    && self.decisions().overtaken_rerun == OvertakenRerun::HandedOver
            }
            _ => false,
        }
    }

    /// The status in which the run ended; none if every request for a rerun has been served by then.
    async fn status_if_wanted(&self, messages: &[MessageId]) -> Result<Option<Status>> {
        if self.decisions().rerun_wanted != RerunWanted::MessageWaits {
            return self.execution_status().await.map(Some);
        }
        let messages = messages.to_vec();
        let read = move |conversation: &LocalConversation| {
            let state = conversation.state();
            let _held = state.lock();
            let is_wanted = messages.iter().any(|message| state.waits(message));
            Ok(is_wanted.then(|| state.status()))
        };
        self.in_executor("get status", read).await
    }
}

/// Where a message stands among all of them.
fn place(messages: &[MessageId], message: &MessageId) -> Option<usize> {
    messages.iter().position(|other| other == message)
}
