//! A scenario acted on the model: a program for an engine. The scripted server gets a thread, each actor and the clock
//! theirs, and what could be seen is collected when the execution is over.

mod actors;
mod observe;
mod server;
mod subscriber;
mod thread_plan;
mod world;

use std::cell::RefCell;
use std::rc::Rc;

use super::Firing;
use crate::engine::kernel::{Timers, setup, thread};
use crate::engine::trace::Book;
use crate::observation::{Observations, Why};
use crate::scenario::{Role, Scenario, Session, Step};
use crate::subject::model::{DecisionError, Decisions};
use crate::terms::{AgentKind, ThreadRole};

pub(crate) use thread_plan::{does_not_fit, threads};
use world::{World, make_ready};

/// Why a scenario cannot be set up.
pub(crate) type SetupError = DecisionError;

/// A scenario as a program, and what was seen of its last execution.
#[derive(Clone)]
pub(crate) struct Stage {
    plan: Rc<Plan>,
    world: Rc<RefCell<Option<World>>>,
}

struct Plan {
    scenario: Scenario,
    decisions: Decisions,
    timers: Firing,
    /// Roles without a thread of their own.
    inline: Vec<Role>,
    /// Whether the main thread is one of the few and plays a part itself.
    main_plays: bool,
}

impl Plan {
    /// Whether the agent is ready before the scenario begins.
    fn begins_ready(&self) -> bool {
        self.scenario.agent.session == Session::Ready
    }

    /// Whether the agent is a server that is started when the agent is made ready.
    fn has_server(&self) -> bool {
        self.scenario.agent.kind == AgentKind::Acp
    }
}

/// A role and what it plays.
type Part = (String, Box<dyn FnOnce()>);

impl Stage {
    /// Sets up a scenario with the decisions of this revision (none: the scenario's own), its own changes and these
    /// defects, for an engine with as many threads as it takes.
    ///
    /// # Errors
    ///
    /// If a name decides nothing.
    pub(crate) fn of(
        scenario: &Scenario,
        revision: Option<&str>,
        defects: &[String],
        timers: Firing,
    ) -> Result<Self, SetupError> {
        Ok(Self::with(scenario, decisions(scenario, revision, defects)?, timers, None))
    }

    /// As [`Stage::of`], for an engine with few threads: the roles that the scenario names run inline, and the main
    /// thread plays a part.
    ///
    /// # Errors
    ///
    /// If a name decides nothing.
    pub(crate) fn with_few_threads(
        scenario: &Scenario,
        revision: Option<&str>,
        defects: &[String],
        timers: Firing,
    ) -> Result<Self, SetupError> {
        let decisions = decisions(scenario, revision, defects)?;
        Ok(Self::with(scenario, decisions, timers, Some(&scenario.loom.inline)))
    }

    fn with(scenario: &Scenario, decisions: Decisions, timers: Firing, inline: Option<&Vec<Role>>) -> Self {
        let main_plays = inline.is_some();
        let (scenario, inline) = (scenario.clone(), inline.cloned().unwrap_or_default());
        let plan = Plan { scenario, decisions, timers, inline, main_plays };
        Self { plan: Rc::new(plan), world: Rc::default() }
    }

    /// The program.
    pub(crate) fn program(&self) -> Rc<dyn Fn()> {
        let stage = self.clone();
        Rc::new(move || stage.perform())
    }

    fn perform(&self) {
        let world = setup(|| {
            let world = World::build(&self.plan);
            if self.plan.begins_ready() && self.plan.has_server() {
                make_ready(&world.conversation);
            }
            world
        });
        *self.world.borrow_mut() = Some(world.clone());
        self.raise_curtain(&world);
    }

    /// Begins the threads of the actors and of the clock; the main thread plays the last of them if it has to.
    fn raise_curtain(&self, world: &World) {
        let mut parts: Vec<Part> = Vec::new();
        for (index, player) in world.players.iter().enumerate() {
            let (name, world) = (player.name.clone(), world.clone());
            parts.push((name, Box::new(move || actors::play(&world, &world.players[index]))));
        }
        if self.plan.timers == Firing::Race {
            let timers = world.timers.clone();
            thread::spawn_daemon(ThreadRole::Clock.name(), move || keep_firing(&timers));
        } else if !self.plan.scenario.clock.is_empty() {
            let (steps, world) = (self.plan.scenario.clock.clone(), world.clone());
            parts.push((
                ThreadRole::Clock.name().to_owned(),
                Box::new(move || actors::keep_time(&world, &steps)),
            ));
        }
        if self.plan.timers == Firing::Clock
            && self.plan.inline.contains(&Role::Clock)
            && let (Some(clock), Some((name, last))) = (parts.pop(), parts.pop())
        {
            let body = move || {
                last();
                thread::as_role(&clock.0, clock.1);
            };
            parts.push((name, Box::new(body)));
        }
        let own = if self.plan.main_plays { self.shallowest(&parts) } else { None };
        let own = own.map(|index| parts.remove(index));
        for (name, body) in parts {
            thread::spawn_detached(&name, body);
        }
        if let Some((name, body)) = own {
            thread::as_role(&name, body);
        }
    }

    /// The part with the shallowest stack: the clock, else an actor that runs no event loop.
    fn shallowest(&self, parts: &[Part]) -> Option<usize> {
        let runs = |name: &str| {
            let actor = self.plan.scenario.actors.iter().find(|actor| actor.name == name);
            actor.is_some_and(|actor| actor.does.iter().any(Step::is_run))
        };
        parts.iter().rposition(|(name, _)| !runs(name))
    }

    /// What was seen of the execution that has just ended.
    pub(crate) fn observe(&self, stuck: Option<Why>, book: &Book) -> Observations {
        self.world.borrow().as_ref().map_or_else(Observations::default, |world| world.observe(stuck, book))
    }

    /// Forgets the last execution.
    pub(crate) fn clear(&self) {
        self.world.borrow_mut().take();
    }
}

fn decisions(
    scenario: &Scenario,
    revision: Option<&str>,
    defects: &[String],
) -> Result<Decisions, DecisionError> {
    let revision = revision.unwrap_or(&scenario.revision);
    Decisions::of(revision, &scenario.decisions, defects)
}

/// Fires whatever is armed, one timer after another. Which ones it has fired matters for none that it will fire.
fn keep_firing(timers: &Timers) {
    while timers.fire_next_idle() {
        thread::forget();
    }
}
