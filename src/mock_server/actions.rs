//! What a running reaction does: bursts of actions, frames that leave in one write, answers that end a turn.

use super::ServerEntry;
use super::plan::describe;
use super::state_machine::{Asked, Turn};
use super::wire::with_session;
use super::{Script, ServerMessage, Step, Update, Wire};
use crate::scenario::{Action, Happening};
use crate::terms::StopReason;

impl Script {
    pub(super) fn burst(&mut self, index: usize, happened: &dyn Fn(&Happening) -> bool) -> Step {
        let mut step = Step::default();
        let mut words = Vec::new();
        while self.can_advance(index, happened) {
            let running = &mut self.running[index];
            let action = self.plan.action(running.reaction, running.at).cloned();
            running.at += 1;
            let over = match action {
                Some(Action::Flush) => true,
                Some(action) => {
                    words.extend(describe(&action));
                    self.act(index, action, &mut step)
                }
                None => {
                    self.run_out(index, &mut step);
                    true
                }
            };
            if over {
                break;
            }
        }
        step.label = if words.is_empty() { "end of a reaction".to_owned() } else { words.join(", ") };
        step
    }

    /// Does one action; whether the reaction is over with it.
    fn act(&mut self, index: usize, action: Action, step: &mut Step) -> bool {
        let id = self.running[index].turn;
        let process = self.process;
        let Some(place) = self.turns.iter().position(|turn| turn.id == id) else { return true };
        let session = self.turns[place].session.clone();
        let (entry, update) = match action {
            Action::Say(text) => {
                let entry = ServerEntry::Said { process, session: session.clone(), text: text.clone() };
                (entry, Update::Text(text))
            }
            Action::Think(text) => {
                let entry = ServerEntry::Thought { process, session: session.clone(), text: text.clone() };
                (entry, Update::Thought(text))
            }
            Action::Tool(tool) => {
                let (id, status) = (tool.id, tool.status);
                let entry = ServerEntry::Tool { process, session: session.clone(), id: id.clone(), status };
                let cards = &mut self.turns[place].cards;
                let first = !cards.contains(&id);
                if first {
                    cards.push(id.clone());
                }
                (entry, Update::Tool { id, status, first })
            }
            Action::Call(call) => {
                let params = with_session(&call.params, &session);
                self.log.push(ServerEntry::Called {
                    process,
                    session,
                    name: call.name.clone(),
                    method: call.method.clone(),
                });
                step.frames.push(ServerMessage::Call { name: call.name, method: call.method, params });
                return false;
            }
            Action::ToolCall(call) => {
                step.frames.push(ServerMessage::ToolCall { session, call });
                return false;
            }
            Action::Wait(_) => return false,
            Action::Open(gate) => {
                self.open_gate(&gate);
                step.opened.push(gate);
                return false;
            }
            Action::Answer(reason) => {
                self.answer(index, place, Ok(reason), step);
                return true;
            }
            Action::Fail(message) => {
                self.answer(index, place, Err(message), step);
                return true;
            }
            other => return self.act_on_pipe(place, other, step),
        };
        self.log.push(entry);
        step.frames.push(ServerMessage::Update { session, update });
        false
    }

    /// Answers what a reaction works on. What it does behind its answer is late: it belongs to no request any more.
    fn answer(&mut self, index: usize, place: usize, result: Result<StopReason, String>, step: &mut Step) {
        let running = &self.running[index];
        let goes_on = self.plan.action(running.reaction, running.at).is_some();
        let late = goes_on.then(|| {
            let asked = Asked::Other { request: None };
            (Turn { asked, ..self.turns[place].clone() }, running.clone())
        });
        self.close(place, result, step);
        if let Some((turn, running)) = late {
            self.turns.push(turn);
            self.running.push(running);
        }
    }

    /// A list without an answer has run out: a prompt stays unanswered, a load and any other request are answered well
    /// all the same, for their lists have no way to say so.
    fn run_out(&mut self, index: usize, step: &mut Step) {
        let id = self.running.remove(index).turn;
        let load = |turn: &Turn| turn.id == id && !matches!(turn.asked, Asked::Prompt { .. });
        if let Some(place) = self.turns.iter().position(load) {
            self.close(place, Ok(StopReason::EndTurn), step);
        }
    }

    /// What a reaction does to its pipe rather than in its turn; whether the reaction is over with it.
    fn act_on_pipe(&mut self, place: usize, action: Action, step: &mut Step) -> bool {
        let turn = &mut self.turns[place];
        let over = matches!(action, Action::Exit(_));
        let ended = match &action {
            Action::Refuse(refusal) => Some(format!("HTTP {}", refusal.status)),
            Action::HangUp => Some("hung up".to_owned()),
            Action::Reset => Some("reset".to_owned()),
            _ => None,
        };
        let wire = match action {
            Action::StopReading | Action::ResumeReading => {
                self.reading = action == Action::ResumeReading;
                return false;
            }
            Action::Frame(message) => {
                let request = turn.asked.request();
                if message.answers_request() {
                    turn.asked.settle();
                }
                Wire::Frame { message: with_session(&message, &turn.session), request }
            }
            // Its digits were judged with the scenario.
            Action::Raw(raw) => Wire::Bytes(raw.bytes().unwrap_or_default()),
            Action::Split(cut) => Wire::Split(cut.at),
            Action::CloseOutput => Wire::CloseOutput,
            Action::Exit(code) => Wire::Exit(code),
            Action::Refuse(refusal) => Wire::Refuse(refusal),
            Action::HangUp => Wire::HangUp,
            Action::Reset => Wire::Reset,
            Action::Say(_)
            | Action::Think(_)
            | Action::Tool(_)
            | Action::Call(_)
            | Action::ToolCall(_)
            | Action::Wait(_)
            | Action::Open(_)
            | Action::Answer(_)
            | Action::Fail(_)
            | Action::Flush => return false,
        };
        step.wire.push((step.frames.len(), wire));
        if over {
            self.end_process();
        }
        if let Some(why) = &ended {
            self.give_up(place, why);
        }
        over || ended.is_some()
    }

    /// Ends a turn that gets no answer of its own.
    fn give_up(&mut self, place: usize, why: &str) {
        let turn = self.turns.remove(place);
        self.running.retain(|running| running.turn != turn.id);
        if let Asked::Prompt { text, .. } = turn.asked {
            let message = why.to_owned();
            self.log.push(ServerEntry::Failed {
                process: self.process,
                session: turn.session,
                text,
                message,
            });
        }
    }

    /// Ends a turn and every reaction that works on it.
    fn close(&mut self, place: usize, result: Result<StopReason, String>, step: &mut Step) {
        let turn = self.turns.remove(place);
        self.running.retain(|running| running.turn != turn.id);
        let session = turn.session;
        match turn.asked {
            Asked::Other { request: None } => {}
            Asked::Other { request: Some(request) } => {
                step.frames.push(ServerMessage::Answered { request, ok: result.map(|_| session) });
            }
            Asked::Load { request, entry } => {
                step.frames.push(self.answer_load(request, entry, result.map(|_| session)));
            }
            Asked::Prompt { request, text, .. } => {
                step.frames.push(self.answer_prompt(request, session, text, result));
            }
        }
    }

    pub(super) fn answer_load(
        &mut self,
        request: u64,
        entry: usize,
        ok: Result<String, String>,
    ) -> ServerMessage {
        self.log.answer_load(entry, ok.is_ok());
        ServerMessage::Answered { request, ok }
    }

    fn answer_prompt(
        &mut self,
        request: u64,
        session: String,
        text: String,
        result: Result<StopReason, String>,
    ) -> ServerMessage {
        let (process, logged) = (self.process, session.clone());
        match result {
            Ok(reason) => {
                self.log.push(ServerEntry::Answered { process, session: logged, text, reason });
                ServerMessage::PromptAnswered { request, session, reason }
            }
            Err(message) => {
                let why = message.clone();
                self.log.push(ServerEntry::Failed { process, session: logged, text, message: why });
                ServerMessage::PromptFailed { request, session, message }
            }
        }
    }
}
