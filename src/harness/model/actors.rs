//! The actors and the clock: each plays its list of steps on its own thread.
//!
//! A step is a call of the runtime's public interface, or a wait for a happening; never for time.

use std::rc::Rc;

use crate::engine::kernel::thread;
use crate::observation::{Call, CallKind, Place};
use crate::scenario::{ClockStep, Happening, Send, Step, ToolStep};
use crate::subject::model::asyncio::{EventLoop, Exception, Result, run_coroutine_threadsafe};
use crate::subject::model::{EventService, ToolCall};
use crate::terms::{ThreadRole, word};

use super::world::{Player, World};
use crate::harness::conditions::event_seen;

/// Plays an actor's part.
pub(crate) fn play(world: &World, player: &Player) {
    let mut tool_call = None;
    for step in &player.does {
        let (call, returned) = match step {
            Step::Send(send) => (CallKind::Send(send.text.clone()), world.send(send)),
            Step::Run => (CallKind::Run, world.run(&player.name)),
            Step::RunSync => (CallKind::RunSync, world.conversation.run()),
            Step::Interrupt => (CallKind::Interrupt, world.interrupt()),
            Step::Pause => (CallKind::Pause, world.pause()),
            Step::Accept => (CallKind::Accept, world.accept(&player.name)),
            Step::Reject => (CallKind::Reject, world.reject()),
            Step::Close => (CallKind::Close, world.close()),
            Step::Reload => (CallKind::Reload, world.reload()),
            Step::SwitchModel(model) => (CallKind::SwitchModel(model.clone()), world.switch_model(model)),
            Step::Tool(step) => {
                world.use_tool(*step, player, &mut tool_call);
                continue;
            }
            Step::Open(gate) => {
                world.server.open_gate(gate);
                continue;
            }
            Step::Wait(happening) => {
                world.wait_for(happening);
                continue;
            }
        };
        let mut calls = player.calls.get();
        calls.push(Call::new(call, returned.as_ref().copied().map_err(|error| error.kind())));
        player.calls.set(calls);
    }
}

/// Plays the clock's part.
pub(crate) fn keep_time(world: &World, steps: &[ClockStep]) {
    for step in steps {
        match step {
            ClockStep::Wait(happening) => world.wait_for(happening),
            ClockStep::Fire(timer) => world.timers.fire(timer.name()),
        }
    }
}

impl World {
    fn send(&self, send: &Send) -> Result<()> {
        let text: Rc<str> = send.text.as_str().into();
        match &self.service {
            None => self.conversation.send_message(&text),
            Some(served) => {
                let run = send.run;
                let label = ("send", text.clone(), run);
                served.call(label, move |service| async move { service.send_message(text, run).await })
            }
        }
    }

    fn run(&self, actor: &str) -> Result<()> {
        match &self.service {
            Some(served) => served.call("run", |service| async move { service.run().await }),
            None if self.conversation.is_sync() => self.conversation.run(),
            None => {
                let event_loop = EventLoop::new(&format!("loop of {actor}"), &self.timers);
                let (conversation, on) = (self.conversation.clone(), event_loop.clone());
                event_loop.run_until_complete("run", async move { conversation.arun(&on).await })
            }
        }
    }

    fn interrupt(&self) -> Result<()> {
        let Some(served) = &self.service else {
            _ = self.conversation.interrupt();
            return Ok(());
        };
        served.call("interrupt", |service| async move { service.interrupt().await })
    }

    fn pause(&self) -> Result<()> {
        let Some(served) = &self.service else {
            _ = self.conversation.pause();
            return Ok(());
        };
        served.call("pause", |service| async move { service.pause().await })
    }

    fn accept(&self, actor: &str) -> Result<()> {
        let Some(served) = &self.service else { return self.run(actor) };
        served.call("accept", |service| async move { service.accept_pending_actions().await })
    }

    fn reject(&self) -> Result<()> {
        let Some(served) = &self.service else {
            self.conversation.reject_pending_actions();
            return Ok(());
        };
        served.call("reject", |service| async move { service.reject_pending_actions().await })
    }

    fn close(&self) -> Result<()> {
        let Some(served) = &self.service else {
            self.conversation.close();
            return Ok(());
        };
        served.call("close", |service| async move { service.close().await })
    }

    fn reload(&self) -> Result<()> {
        let Some(served) = &self.service else {
            self.conversation.reload();
            return Ok(());
        };
        served.call("reload", |service| async move { service.reload().await })
    }

    fn switch_model(&self, model: &str) -> Result<()> {
        let model: Rc<str> = model.into();
        let Some(served) = &self.service else { return self.conversation.switch_acp_model(&model) };
        let label = ("switch model", model.clone());
        served.call(label, move |service| async move { service.switch_acp_model(model).await })
    }

    fn use_tool(&self, step: ToolStep, player: &Player, tool_call: &mut Option<ToolCall>) {
        match step {
            ToolStep::Begin => *tool_call = Some(self.conversation.begin_tool_call()),
            ToolStep::PollToken => {
                let call = tool_call.get_or_insert_with(|| self.conversation.begin_tool_call());
                let mut tokens = player.tokens.get();
                tokens.push(self.conversation.poll_token(call));
                player.tokens.set(tokens);
            }
        }
    }

    fn wait_for(&self, happening: &Happening) {
        let state = self.conversation.state();
        match happening {
            Happening::Gate(gate) => self.server.wait_for_gate(gate),
            Happening::Frame(frame) => self.server.wait_for_frame(frame),
            Happening::Status(wanted) => {
                let wanted = *wanted;
                let _place = thread::place(Place::WaitFor(format!("status {}", word(&wanted))));
                state.execution_status.wait_until(move |status| *status == wanted);
            }
            Happening::Event(wanted) => {
                let wanted = wanted.clone();
                let _place = thread::place(Place::WaitFor(format!("event {}", word(&wanted.kind))));
                state.events.wait_until(move |events| event_seen(events, &wanted));
            }
            Happening::Reply(_) => unreachable!("a scenario that is only live is refused before it runs"),
        }
    }
}

/// A call into the event service from a thread of its own, as a request of the agent server's is.
trait Served {
    fn call<F>(
        &self,
        label: impl crate::subject::model::asyncio::Label,
        make: impl FnOnce(EventService) -> F + 'static,
    ) -> Result<()>
    where
        F: Future<Output = Result<()>> + 'static;
}

impl Served for (EventService, EventLoop) {
    fn call<F>(
        &self,
        label: impl crate::subject::model::asyncio::Label,
        make: impl FnOnce(EventService) -> F + 'static,
    ) -> Result<()>
    where
        F: Future<Output = Result<()>> + 'static,
    {
        let service = self.0.clone();
        let make = move || Box::pin(async move { make(service).await }) as _;
        let _place = thread::place_waiting_for("service call", ThreadRole::Loop.name());
        match run_coroutine_threadsafe(&self.1, label, make).result_blocking() {
            Err(Exception::Cancelled) => Err(Exception::Cancelled),
            other => other,
        }
    }
}
