//! What users say to the tool calls that wait for them.
//!
//! Stands for `respond_to_confirmation` and `reject_pending_actions`.

use super::{ALREADY_RUNNING, EventService, INACTIVE, OVERTAKEN, Wanted};
use crate::engine::kernel::thread;
use crate::subject::model::asyncio::{Exception, Result};
use crate::terms::Status;

use crate::subject::model::coverage::{Branch, reach};
use crate::subject::model::decision::RefusedAccept;

impl EventService {
    /// Accepts the tool calls that wait for a confirmation: a run. That one is under way is no error.
    ///
    /// # Errors
    ///
    /// `ValueError` if the service is closed.
    pub async fn accept_pending_actions(&self) -> Result<()> {
        let _place = thread::place("service accept");
        match self.begin(Wanted::ByAccept).await {
            Err(Exception::Value(why)) if why == ALREADY_RUNNING => Ok(()),
            other => other,
        }
    }

    /// Decision `refused_accept`: the run that asked is still coming to its end, so an accept is refused. What was running
    /// when it came had asked nobody yet.
    pub(super) fn keep_accept(&self, wanted: Wanted, status: Status) {
        let inner = &self.inner;
        let kept = self.decisions().refused_accept == RefusedAccept::RunAfter;
        if wanted == Wanted::ByAccept && status == Status::WaitingForConfirmation && kept {
            reach(Branch::AcceptKept);
            inner.accepted.set(inner.run_task.get().map(|run| run.number));
        }
    }

    /// At the end of a run: the next one, if the calls that it left were accepted meanwhile.
    pub(super) async fn run_if_accepted(&self, run: u32) -> Result<()> {
        let inner = &self.inner;
        if inner.accepted.get() != Some(run) {
            return Ok(());
        }
        let generation = Some(self.stops());
        if self.execution_status().await? != Status::WaitingForConfirmation {
            reach(Branch::AcceptedAndRejected);
            return Ok(());
        }
        match Box::pin(self.begin(Wanted::Rerun { generation, run })).await {
            Err(Exception::Value(why)) if why == OVERTAKEN => Ok(()),
            other => other,
        }
    }

    /// Rejects the tool calls that wait for a confirmation.
    ///
    /// # Errors
    ///
    /// `ValueError` if the service is closed.
    pub async fn reject_pending_actions(&self) -> Result<()> {
        let _place = thread::place("service reject");
        if !self.inner.is_open.get() {
            return Err(Exception::Value(INACTIVE.to_owned()));
        }
        self.in_executor("reject", |conversation| {
            conversation.reject_pending_actions();
            Ok(())
        })
        .await
    }
}
