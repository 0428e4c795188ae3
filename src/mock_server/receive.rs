//! What a message does when it is read: an entry of the log, an answer at once, or a reaction that begins.

use super::ServerEntry;
use super::state_machine::{Asked, Life, Running, Turn};
use super::{ClientMessage, Completion, Script, ServerMessage};
use crate::scenario::{INITIALIZE, NEW_SESSION, SET_MODEL};

impl Script {
    /// What a message does when it is read, and the frames that answer it at once.
    pub(super) fn perform(&mut self, message: ClientMessage) -> Vec<ServerMessage> {
        let process = self.process;
        match message {
            ClientMessage::Started => {
                self.leave(Life::Alive);
                self.process += 1;
                self.log.push(ServerEntry::Started { process: self.process });
                if let Some(reaction) = self.plan.on_start(self.process) {
                    self.begin(String::new(), Asked::Other { request: None }, reaction);
                }
                Vec::new()
            }
            ClientMessage::Ended => {
                self.end_process();
                Vec::new()
            }
            ClientMessage::Initialize { request } => {
                self.log.push(ServerEntry::Initialize { process });
                self.answer_or_begin(request, INITIALIZE, String::new())
            }
            ClientMessage::NewSession { request } => {
                let session = self.open_session();
                self.answer_or_begin(request, NEW_SESSION, session)
            }
            ClientMessage::LoadSession { request, session } => self.read_load(request, session),
            ClientMessage::SetModel { request, session, model } => {
                self.log.push(ServerEntry::SetModel { process, session: session.clone(), model });
                self.answer_or_begin(request, SET_MODEL, session)
            }
            ClientMessage::Request { request, method, session } => {
                self.answer_or_begin(request, &method, session)
            }
            ClientMessage::Completion(completion) => {
                self.read_completion(completion);
                Vec::new()
            }
            ClientMessage::Reply { call, kind } => {
                self.log.push(ServerEntry::Replied { process, name: call.clone(), kind });
                self.replies.entry(call).or_default().push(kind);
                Vec::new()
            }
            ClientMessage::Prompt { request, session, text, suffix } => {
                let logged = session.clone();
                self.read_prompt(request, session, text);
                if suffix {
                    self.log.push(ServerEntry::Suffix { process, session: logged });
                }
                Vec::new()
            }
            ClientMessage::Cancel { session } => {
                self.read_cancel(session);
                Vec::new()
            }
        }
    }

    /// Ends the process, whoever wanted it, unless it has ended before.
    pub(super) fn end_process(&mut self) {
        if self.life == Life::Alive {
            self.leave(Life::Ended);
            self.log.push(ServerEntry::Ended { process: self.process });
        }
    }

    /// Forgets all that belongs to one process; sessions, gates and the log outlive it.
    fn leave(&mut self, life: Life) {
        self.life = life;
        self.queue.clear();
        self.turns.clear();
        self.running.clear();
        self.replies.clear();
        self.reading = true;
    }

    /// Begins the reaction to a request; without one it is answered well at once.
    fn answer_or_begin(&mut self, request: u64, method: &str, session: String) -> Vec<ServerMessage> {
        match self.plan.on_request(method, &session, self.process) {
            Some(reaction) => {
                self.begin(session, Asked::Other { request: Some(request) }, reaction);
                Vec::new()
            }
            None => vec![ServerMessage::Answered { request, ok: Ok(session) }],
        }
    }

    fn read_load(&mut self, request: u64, session: String) -> Vec<ServerMessage> {
        let entry = self.log.entries().len();
        self.log.push(ServerEntry::Load { process: self.process, session: session.clone(), loaded: false });
        if !self.sessions.contains(&session) {
            let ok = Err(format!("unknown session {session:?}"));
            return vec![ServerMessage::Answered { request, ok }];
        }
        match self.plan.on_load(&session, self.process) {
            Some(reaction) => {
                self.begin(session, Asked::Load { request, entry }, reaction);
                Vec::new()
            }
            None => vec![self.answer_load(request, entry, Ok(session))],
        }
    }

    fn open_session(&mut self) -> String {
        let session = self.next_session();
        self.sessions.push(session.clone());
        self.log.push(ServerEntry::New { process: self.process, session: session.clone() });
        session
    }

    fn read_prompt(&mut self, request: u64, session: String, text: String) {
        let (process, logged) = (self.process, session.clone());
        self.log.push(ServerEntry::Prompt { process, session: logged, text: text.clone() });
        let reaction = self.plan.on_prompt(&text, &session, self.process);
        self.begin(session, Asked::Prompt { request, text, cancelled: false }, reaction);
    }

    fn read_completion(&mut self, completion: Completion) {
        let (process, session) = (self.process, completion.session.to_owned());
        self.log.push(ServerEntry::Prompt { process, session, text: completion.text.clone() });
        let reaction = self.plan.on_completion(&completion, process);
        let Completion { request, session, text, .. } = completion;
        self.begin(session.to_owned(), Asked::Prompt { request, text, cancelled: false }, reaction);
    }

    /// A cancel belongs to the oldest prompt in flight of its session that was not cancelled before.
    fn read_cancel(&mut self, wanted: String) {
        let turn =
            self.turns.iter_mut().filter(|turn| turn.session == wanted).find_map(|turn| {
                match &mut turn.asked {
                    Asked::Prompt { cancelled, .. } if !*cancelled => {
                        *cancelled = true;
                        Some(turn.id)
                    }
                    _ => None,
                }
            });
        if let (Some(turn), Some(reaction)) = (turn, self.plan.on_cancel(&wanted, self.process)) {
            self.running.push(Running { turn, reaction, at: 0 });
        }
        self.log.push(ServerEntry::Cancel { process: self.process, session: wanted });
    }

    fn begin(&mut self, session: String, asked: Asked, reaction: usize) {
        let turn = self.begun;
        self.begun += 1;
        self.turns.push(Turn { id: turn, session, asked, cards: Vec::new() });
        self.running.push(Running { turn, reaction, at: 0 });
    }
}
