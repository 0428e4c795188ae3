//! What users' stops do: pauses, interrupts, and which of them keep a run from beginning.
//!
//! Stands for `pause` and `interrupt` of the event service, and for its `_explicit_interrupt_generation`.

use crate::engine::kernel::thread;
use crate::observation::{CallKind, Place, ServiceEntry};
use crate::subject::model::asyncio::{Exception, Limit, LockGuard, Result, shield, wait_for};

use super::EventService;
use crate::subject::model::coverage::{Branch, reach};
use crate::subject::model::decision::{
    CancelledStart, ExplicitStop, InterruptLimit, LateStop, StopBeforeStart,
};

impl EventService {
    /// How many stops there were so far: the number of the last one.
    pub(super) fn stops(&self) -> u32 {
        self.inner.explicit_interrupt_generation.get()
    }

    /// Whether somebody has stopped the conversation since there were so many stops. Decision `late_stop`: what has stopped
    /// nothing does not count, so this waits for a stop that is about.
    pub(super) async fn stopped_since(&self, stops: u32) -> Result<bool> {
        let _settled = self.settling_stop().await?;
        let counts = |stop: u32| self.inner.vain_stops.read(|vain| !vain.contains(&stop));
        Ok((stops + 1..=self.stops()).any(counts))
    }

    async fn settling_stop(&self) -> Result<Option<LockGuard>> {
        match self.decisions().late_stop {
            LateStop::RevokesNothing => self.inner.stopping.acquire().await.map(Some),
            LateStop::Revokes => Ok(None),
        }
    }

    /// The stop's place in the journal.
    pub(super) fn note_explicit_stop(&self, entry: ServiceEntry) -> usize {
        let inner = &self.inner;
        let place = inner.journal.get().len();
        self.note(entry);
        if self.decisions().explicit_stop == ExplicitStop::Forgotten {
            return place;
        }
        if self.decisions().stop_before_start == StopBeforeStart::Holds
            && let Some(run) = inner.run_task.get()
        {
            run.stopped.set();
        }
        inner.explicit_interrupt_generation.set(self.stops() + 1);
        inner.rerun_requested.set(None);
        inner.acp_internal_rerun_requested.set(false);
        inner.accepted.set(None);
        place
    }

    /// This stop, by its place in the journal and its number, has stopped nothing.
    fn take_stop_back(&self, place: usize, stop: u32) {
        let inner = &self.inner;
        reach(Branch::StoppedNothing);
        let mut journal = inner.journal.get();
        journal[place] = ServiceEntry::VainStop;
        inner.journal.set(journal);
        if self.decisions().late_stop == LateStop::RevokesNothing {
            inner.vain_stops.update(|vain| vain.insert(stop));
        }
    }

    /// Asks the run to pause.
    ///
    /// # Errors
    ///
    /// If the call is cancelled.
    pub async fn pause(&self) -> Result<()> {
        let _place = thread::place(Place::Service(CallKind::Pause));
        if !self.inner.is_open.get() {
            return Ok(());
        }
        let settling = self.settling_stop().await?;
        let (place, stop) = (self.note_explicit_stop(ServiceEntry::Pause), self.stops());
        if !self.in_executor("pause", |conversation| Ok(conversation.pause())).await? {
            self.take_stop_back(place, stop);
        }
        drop(settling);
        self.publish_state_update().await
    }

    /// Interrupts the run and waits, within a limit, until it has ended.
    ///
    /// # Errors
    ///
    /// If the call is cancelled.
    pub async fn interrupt(&self) -> Result<()> {
        let _place = thread::place(Place::Service(CallKind::Interrupt));
        self.interrupt_run(false).await
    }

    pub(super) async fn interrupt_run(&self, internal_acp_rerun: bool) -> Result<()> {
        let inner = &self.inner;
        if !inner.is_open.get() {
            return Ok(());
        }
        let place = (!internal_acp_rerun).then(|| self.note_explicit_stop(ServiceEntry::Stop));
        let stops = inner.conversation.interrupt();
        if let Some(place) = place.filter(|_| !stops) {
            self.take_stop_back(place, self.stops());
        }
        if let Some(run) = inner.run_task.get().filter(|run| !run.task.done()) {
            let limit = Limit { timer: "interrupt_wait", millis: inner.limits.interrupt_wait.as_millis() };
            let ended = match inner.conversation.decisions().interrupt_limit {
                InterruptLimit::Waiting => {
                    wait_for(&inner.event_loop, shield(&run.task.future()), limit).await
                }
                InterruptLimit::Run => wait_for(&inner.event_loop, run.task.clone(), limit).await,
            };
            if ended == Err(Exception::Timeout) {
                reach(Branch::InterruptTimedOut);
            }
            let passes_on = self.decisions().cancelled_start == CancelledStart::PassedOn;
            if ended == Err(Exception::Cancelled) && (passes_on || !run.task.cancelled()) {
                return Err(Exception::Cancelled);
            }
            if inner.run_task.get().is_some_and(|run| run.task.done()) {
                inner.run_task.set(None);
            }
        }
        self.publish_state_update().await
    }
}
