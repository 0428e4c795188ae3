//! The rare branches of the runtime: each has a mark, and whoever listens hears which of them an execution came by.
//!
//! A mark is one line at the place it is about: `reach(Branch::DrainTimedOut)`. It is no visible operation, changes
//! nothing, and costs a look at a thread's own cell while nobody listens. The list is complete, so that a test can name
//! the branches that no scenario reaches.

use std::cell::RefCell;
use std::collections::BTreeSet;

/// Lists the branches: the name in the runtime, what happens there.
macro_rules! branches {
    ($($branch:ident $happens:literal)+) => {
        /// A rare branch of the runtime.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Branch {
            $(#[doc = $happens] $branch),+
        }

        /// Every branch that has a mark, each with what happens there.
        pub const BRANCHES: &[(Branch, &str)] = &[$((Branch::$branch, $happens)),+];
    };
}

branches! {
    // The ACP agent.
    StartFailed "the server does not start, or does not answer its first requests"
    LoadRefused "a restarted server does not know the session, and is asked for a new one"
    SuffixCommitted "the first prompt of a session has come back, so the session has its suffix"
    NotStarted "a prompt finds no server"
    CancelWithoutServer "a cancel finds no server to send it to"
    NothingToEnd "the server is to be ended and is not there"
    SwitchedTooEarly "the model is to be switched and the server is not there"
    ModelRefused "a loaded session does not get back the model that it was switched to"
    // One turn of it.
    NothingToStep "a step finds no message in the log"
    PromptFailed "a prompt fails for good"
    PromptRetried "a prompt that failed is sent again after a delay"
    CancelledResponse "a cancelled prompt is answered `cancelled` during the drain"
    CompletedInDrain "a cancelled prompt completes during the drain"
    FailedInDrain "a cancelled prompt fails during the drain"
    NothingToDrain "a cancelled turn has no prompt that began"
    DrainTimedOut "a cancelled prompt does not return within the limit"
    AnsweredBeforeDrain "a cancelled prompt has been answered when the drain looks"
    FailedBeforeDrain "a cancelled prompt has failed when the drain looks"
    CancelSendTimedOut "sending session/cancel takes longer than its limit"
    CancelSendFailed "session/cancel cannot be sent"
    TimeoutCancelledResponse "a prompt that timed out is answered `cancelled` during the drain"
    TimeoutCompletedInDrain "a prompt that timed out completes during the drain"
    TimeoutFailedInDrain "a prompt that timed out fails during the drain"
    TimeoutUndrained "a prompt that timed out does not return within the limit of the drain"
    SecondCancelInInterrupt "a second cancellation comes while an interrupted turn drains"
    SecondCancelInTimeout "a cancellation comes while a turn that timed out drains"
    SecondCancelAfterAnswer "at a second cancellation the prompt is complete, and is recorded"
    SecondCancelAfterEnd "at a second cancellation the prompt has failed or was cancelled"
    SecondCancelInFlight "at a second cancellation the prompt is still in flight"
    RestartDue "a step begins with the restart that the turn before left behind"
    StartInterrupted "a run is interrupted while the server starts"
    StartGivenUp "a second interrupt ends the server that starts"
    SyncTimedOut "the prompt of a synchronous step times out"
    SyncFailed "the prompt of a synchronous step fails for good"
    SyncRetried "the prompt of a synchronous step is sent again after a delay"
    // The bridge.
    LateToolUpdate "a tool update comes when its turn is over, and is dropped"
    UnknownCard "an update is about a tool call that nobody has told of"
    CardClosedTwice "a tool call that is closed is told of again"
    CardFailed "an open card is closed as failed"
    CardFlushed "an open card is closed as completed at the end of a turn"
    // The conversation.
    AlreadyReady "a second caller finds the agent ready once it has the lock"
    RunStoppedAtBegin "a run is stopped before its first step"
    InflightTaken "a run begins behind a prompt that the run before left in flight"
    RunInterrupted "a run is cancelled"
    RunFailed "a run fails"
    SyncRunFailed "a synchronous run fails"
    PausedBeforeStep "a pause comes between the choice of a message and its step"
    PausedDuringStep "a pause comes during a step, and holds"
    MessageDuringStep "a message has come during a step"
    MessageAtLimit "a message has come during the last permitted step"
    MessageAtFinish "a message comes between the choice of none and the finish"
    MessageAtFinishAndLimit "a message comes between the choice of none and the finish, after the last permitted step"
    IterationLimit "a run ends at its limit of steps"
    StepEndedInError "a step ends in error, and the run with it"
    SupersededInterrupt "the prompt of an interrupted run was superseded, so the cursor moves over it"
    CompletedInterrupt "the prompt of an interrupted run is complete, so the cursor moves over it"
    PausedAlready "a pause finds the conversation paused"
    PauseTooLate "a pause finds the run at its end"
    InterruptWithoutRun "an interrupt finds no run, and pauses"
    NothingToReject "a rejection finds no tool call without an answer"
    ArgumentsRefused "the arguments of a tool call are no JSON"
    ToolSkipped "a tool call is skipped, as its run was cancelled before"
    OrphanedAction "an interrupted run leaves a tool call without an answer"
    ForeignToken "a tool finds the token of another run"
    NoToken "a tool finds no token"
    LlmSwitched "a tool switches the LLM in the middle of a step"
    // The event service.
    StoppedNothing "a user stops a conversation that has finished"
    StoppedWhileSending "a user stops the conversation while a message with a run is persisted"
    StoppedWhileSuperseding "a user stops the conversation while an older prompt is cancelled for a message"
    SupersedeWithoutRun "a message finds no run to supersede"
    SupersedeTooLate "a message finds a run that is not running any more"
    SupersedeBeforePrompt "a message finds a run between two prompts"
    SupersedeOwnPrompt "a message finds its own prompt in flight"
    Superseded "a message supersedes the prompt in flight"
    RefusedClosing "a run is refused, as the service closes"
    RefusedClosed "a run is refused, as the service was closed while it was asked for"
    StatusOfEndedRun "a run is asked for, and the status `running` that a worker has read is that of a run that has ended"
    RefusedRunning "a run is refused, as the conversation is running"
    RefusedEnding "a run is refused, as the run before has not come to its end"
    StoppedBeforeBegin "a run is not begun, as a user has stopped the conversation since it was asked for"
    BackgroundRunFailed "a run in the background fails"
    RerunServed "a message whose run was refused has been dealt with when its rerun is due"
    RerunNotDue "a rerun is not due in the status that the run ended in"
    RerunRefused "a rerun is refused, as another run has begun"
    InterruptTimedOut "an interrupt does not wait any longer for the end of the run"
    ClosedInFlight "a service closes with a run in flight"
    PendingLeft "a run ends with an event that the subscriber has not taken in in time"
    EndedWhileClosing "a service that closes finds that the run in flight has ended while it paused the conversation"
    RerunOvertaken "a rerun is not begun, as another run has begun since it was asked for"
    AcceptKept "an accept is refused, as the run that asked for it has not come to its end"
    AcceptedAndRejected "tool calls that were accepted have been rejected when their run is due"
    SubscriberSlow "a subscriber takes its time"
    // The connection.
    PromptAbandoned "an answer comes for a prompt that nobody waits for"
    SendOnClosed "a request is to go over a connection that is closed"
    SettleOnClosed "nothing is waited for on a connection that is closed"
    PermissionAfterCancel "a permission is asked for in a turn that the client has cancelled"
    PipeNotRead "a message waits for a pipe that is not read"
    ClosedWithPrompt "a connection closes with a prompt in flight"
    ClosedWithRequest "a connection closes during a request that is no prompt"
}

thread_local! {
    /// What was reached since somebody began to listen; none if nobody does.
    static REACHED: RefCell<Option<BTreeSet<Branch>>> = const { RefCell::new(None) };
}

/// The runtime comes by a branch.
pub(super) fn reach(branch: Branch) {
    REACHED.with_borrow_mut(|reached| {
        if let Some(reached) = reached {
            reached.insert(branch);
        }
    });
}

/// Stops to listen, whatever happened meanwhile, and hands back to whoever listened before.
struct Listening(Option<BTreeSet<Branch>>);

impl Drop for Listening {
    fn drop(&mut self) {
        let before = self.0.take();
        REACHED.with_borrow_mut(|reached| {
            let heard = std::mem::replace(reached, before);
            if let (Some(outer), Some(heard)) = (reached, heard) {
                outer.extend(heard);
            }
        });
    }
}

/// Runs something on this thread, and tells which branches of the runtime it came by: one execution, or all of a search.
///
/// ```
/// use turnloom::subject::model::listen;
/// let (done, reached) = listen(|| 1);
/// assert!(done == 1 && reached.is_empty());
/// ```
pub fn listen<T>(run: impl FnOnce() -> T) -> (T, BTreeSet<Branch>) {
    let before = REACHED.with_borrow_mut(|reached| reached.replace(BTreeSet::new()));
    let listening = Listening(before);
    let done = run();
    let heard = REACHED.with_borrow(|reached| reached.clone().unwrap_or_default());
    drop(listening);
    (done, heard)
}

#[cfg(test)]
mod tests {
    use super::{Branch, listen, reach};

    #[test]
    fn who_listens_hears_what_is_reached_meanwhile_and_so_does_who_listens_to_him() {
        reach(Branch::RunFailed);
        let (inner, outer) = listen(|| {
            reach(Branch::PromptFailed);
            listen(|| reach(Branch::RunFailed)).1
        });
        assert_eq!(inner.into_iter().collect::<Vec<_>>(), [Branch::RunFailed]);
        assert_eq!(outer.into_iter().collect::<Vec<_>>(), [Branch::PromptFailed, Branch::RunFailed]);
        assert!(listen(|| ()).1.is_empty());
    }
}
