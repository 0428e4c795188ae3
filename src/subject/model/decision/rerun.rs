//! Which runs the service begins by itself, and what a user's stop does to them.

use super::choices;

choices! {
    Supersede,
    "What becomes of an older ACP prompt in flight when a message is sent with run=true?",
    "openhands-sdk #3376, base" {
        Cancelled "cancelled" "It is cancelled, and the message is prompted in its place.",
        Interrupted "interrupted" "Whatever run is in flight is interrupted; nothing says that its prompt was replaced, so it is sent again.",
        Left "left" "Nothing: the message waits behind it.",
    }
    SupersedeCheck,
    "Does the service ask whose prompt is in flight before it supersedes it?",
    "openhands-sdk #3376, merged code" {
        Older "older" "A prompt of an older message is cancelled; the message's own, or a newer one's, goes on.",
        Newest "newest" "A prompt that is the newest message's goes on; any other is cancelled, the message's own among them.",
        None "none" "Any prompt in flight is cancelled.",
    }
    RefusedRun,
    "What becomes of the run of a message that is refused because the old run is still coming to its end?",
    "openhands-sdk #3376, merged code" {
        Rerun "rerun" "The old run starts it when it has ended.",
        Dropped "dropped" "Nothing.",
    }
    RerunWanted,
    "For how long is a rerun that was asked for wanted?",
    "openhands-sdk #3376, open when captured" {
        MessageWaits "message_waits" "Up to the end of the run in flight, and only while the message that asked for it waits.",
        Idle "idle" "Up to the end of the run in flight; it begins if the conversation is idle then, whatever message waits.",
        KeptForIdle "kept_for_idle" "Until some run ends idle, however late, whatever message waits then.",
    }
    RerunAfterPause,
    "Is a rerun that was asked for honoured when the old run ended paused?",
    "openhands-sdk #3376, review round 5; found by turnloom in openhands-agent-server 1.25.0" {
        AskedSinceStop "asked_since_stop" "Yes, if it was asked for after the user's last stop.",
        IfInternal "if_internal" "With an ACP agent, and only if it was the service itself that interrupted the run to replace its prompt.",
        Always "always" "Yes, with an ACP agent, whoever paused the run.",
        Never "never" "No: only after a run that ended idle.",
    }
    RerunWhileWaiting,
    "Is a rerun that was asked for honoured when the old run ended waiting for a confirmation?",
    "found by turnloom in openhands-agent-server 1.25.0: EventService._run_and_publish, should_restart" {
        Begins "begins" "Yes, as a run that is asked for a moment later is: it executes the tool calls.",
        Dropped "dropped" "No, and it is forgotten.",
    }
    OvertakenRerun,
    "What becomes of a rerun if another run has begun since it was asked for?",
    "found by turnloom in openhands-agent-server 1.25.0: EventService._run_and_publish, await self.run" {
        HandedOver "handed_over" "It is asked for again at the end of that run, if its message still waits then.",
        Begins "begins" "It begins behind that one, and executes what tool calls wait by then, which nobody has accepted.",
    }
    ExplicitStop,
    "Does a user's pause or interrupt revoke the reruns that were asked for before it?",
    "openhands-sdk #3376, merged code" {
        Revokes "revokes" "It revokes them all.",
        Forgotten "forgotten" "It stops the run in flight, and a rerun begins all the same.",
    }
    LateStop,
    "Does a user's stop of a conversation that has finished revoke the run of a message that is being persisted?",
    "openhands-sdk #3557" {
        RevokesNothing "revokes_nothing" "No: it has stopped nothing.",
        Revokes "revokes" "Yes: the message is in the log, nobody runs it, and nothing says that somebody stopped anything.",
    }
    StopBeforeStart,
    "What does a user's stop do to a run that the service has begun but that has not come to its first step?",
    "found by turnloom in openhands-agent-server 1.25.0" {
        Holds "holds" "The run does not start.",
        Overridden "overridden" "The run starts, and writes running over paused.",
    }
    RefusedRerun,
    "What becomes of a rerun that is refused, since another run has begun?",
    "openhands-sdk #3376, review round 5" {
        Kept "kept" "It is asked for at the end of that run.",
        Dropped "dropped" "Nothing.",
    }
    RerunGeneration,
    "Up to when does a user's stop keep a rerun from beginning?",
    "found by turnloom in openhands-agent-server 1.25.0: EventService._run_and_publish passes a generation for internal reruns only" {
        UpToItsBegin "up_to_its_begin" "Until the rerun has begun.",
        InternalOnly "internal_only" "Until then only if the service itself interrupted the run before; else until the service has made up its mind.",
    }
    Closing,
    "Does a service that is being closed begin runs?",
    "openhands-sdk #3376, merged code" {
        Refuses "refuses" "No, from the call on.",
        Begins "begins" "Yes, until it is closed.",
    }
    CloseInFlight,
    "How does closing the service end the run in flight?",
    "found by turnloom in openhands-agent-server 1.25.0: EventService.close pauses the conversation before it cancels the run" {
        Interrupted "interrupted" "It interrupts the run.",
        PausedFirst "paused_first" "It pauses the conversation, which takes the state lock, and then cancels the run.",
        ReadAgain "read_again" "It pauses the conversation, and then cancels the run that it knows of by then; if there is none any more, it fails.",
    }
    RunningStatus,
    "Is a run refused since a worker has read the status `running`?",
    "openhands-agent-server 1.25.0, found by turnloom: EventService.run, await self._get_execution_status" {
        LookedAtAgain "looked_at_again" "Only if a run is on when the answer has come to the loop; otherwise the status is read once more.",
        Believed "believed" "Yes, though the run may have come to its end, and looked who wants another one, before the answer came.",
    }
}
