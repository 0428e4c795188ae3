//! The stage: a scenario set up around the runtime, as a program for an engine.
//!
//! Here the scripted server gets its thread, each actor and the clock theirs, and what could be seen is collected when
//! the execution is over. It must not know which engine runs it, nor what rules say.

mod model;

use std::cell::RefCell;
use std::rc::Rc;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::engine::coroutines::Coroutines;
use crate::engine::execution::Ended;
use crate::engine::kernel::{OrderedCell, Record, Timers, at_end, setup, thread};
use crate::observation::{Call, Context, Observations, TokenView, Why};
use crate::scenario::{AgentKind, ClockStep, Role, Scenario, Session, Step, Through, Timer};
use crate::subject::model::asyncio::{EventLoop, Executor, PortalThread};
use crate::subject::model::{AcpAgent, Agent, Decisions, EventService, LlmAgent, LocalConversation, Peer};

use model::server::ServerHost;
use model::subscriber::SlowSubscriber;

/// A scenario as a program, and what was seen of its last execution.
#[derive(Clone)]
pub(crate) struct Stage {
    plan: Rc<Plan>,
    world: Rc<RefCell<Option<World>>>,
}

/// Who fires the timers.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Firing {
    /// the scenario's clock, as its steps say; a timer it does not fire never fires
    #[default]
    Clock,
    /// the timers race with everything else: each fires at any moment while it is armed, none before one that is due
    /// earlier; the steps of the scenario's clock are left out
    Race,
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

/// What lives during one execution.
#[derive(Clone)]
struct World {
    conversation: LocalConversation,
    server: ServerHost,
    service: Option<(EventService, EventLoop)>,
    timers: Timers,
    players: Vec<Player>,
}

/// An actor with what it has to show.
#[derive(Clone)]
struct Player {
    name: String,
    does: Vec<Step>,
    calls: OrderedCell<Vec<Call>>,
    tokens: OrderedCell<Vec<TokenView>>,
}

/// A role and what it plays.
type Part = (String, Box<dyn FnOnce()>);

impl Stage {
    /// Sets the stage for an engine with as many threads as it takes.
    pub(crate) fn new(scenario: &Scenario, decisions: Decisions, timers: Firing) -> Self {
        Self::with(scenario, decisions, timers, None)
    }

    /// Sets the stage for an engine with few threads: these roles run inline, and the main thread plays a part.
    pub(crate) fn with_few_threads(scenario: &Scenario, decisions: Decisions, timers: Firing) -> Self {
        Self::with(scenario, decisions, timers, Some(&scenario.loom.inline))
    }

    fn with(scenario: &Scenario, decisions: Decisions, timers: Firing, inline: Option<&Vec<Role>>) -> Self {
        let main_plays = inline.is_some();
        let (scenario, inline) = (scenario.clone(), inline.cloned().unwrap_or_default());
        let plan = Plan { scenario, decisions, timers, inline, main_plays };
        Self { plan: Rc::new(plan), world: Rc::default() }
    }

    /// The scenario as a system for the searches.
    pub(crate) fn system(&self) -> Coroutines<Observations> {
        let stage = self.clone();
        Coroutines::observed(self.program(), move |ended, record| stage.observe(why(ended), record))
    }

    /// The scenario as a program for loom.
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
        let last = self.world.clone();
        at_end(move || drop(last.take()));
        self.raise_curtain(&world);
    }

    /// Begins the threads of the actors and of the clock; the main thread plays the last of them if it has to.
    fn raise_curtain(&self, world: &World) {
        let mut parts: Vec<Part> = Vec::new();
        for player in &world.players {
            let (name, player, world) = (player.name.clone(), player.clone(), world.clone());
            parts.push((name, Box::new(move || model::actors::play(&world, &player))));
        }
        if self.plan.timers == Firing::Race {
            let timers = world.timers.clone();
            thread::spawn_daemon("clock", move || while timers.fire_next_idle() {});
        } else if !self.plan.scenario.clock.is_empty() {
            let (steps, world) = (self.plan.scenario.clock.clone(), world.clone());
            parts.push(("clock".to_owned(), Box::new(move || model::actors::keep_time(&world, &steps))));
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
    pub(crate) fn observe(&self, stuck: Option<Why>, record: Record<'_>) -> Observations {
        let world = self.world.borrow();
        world.as_ref().map_or_else(Observations::default, |world| world.observe(stuck, record))
    }

    /// What rules may know of the scenario.
    pub(crate) fn context(scenario: &Scenario) -> Context {
        let sends = scenario.actors.iter().map(|actor| {
            let texts = actor.does.iter().filter_map(|step| match step {
                Step::Send(send) => Some(send.text.clone()),
                _ => None,
            });
            (actor.name.clone(), texts.collect())
        });
        Context {
            limits: scenario.limits.clone(),
            sends: sends.collect(),
            acp: scenario.agent.kind == AgentKind::Acp,
            suffix: scenario.agent.suffix,
            agent: scenario.agent.kind,
        }
    }
}

/// Why an execution that ended like this could not go on, if it could not.
pub(crate) fn why(ended: &Ended) -> Option<Why> {
    match ended {
        Ended::Deadlock => Some(Why::Deadlock),
        Ended::Hang => Some(Why::Hang),
        Ended::Complete
        | Ended::Panicked(_)
        | Ended::Crashed(_)
        | Ended::Unresponsive(_)
        | Ended::NotDeterministic { .. } => None,
    }
}

impl World {
    fn build(plan: &Plan) -> Self {
        let scenario = &plan.scenario;
        let fired = scenario.clock.iter().filter_map(|step| match step {
            ClockStep::Fire(timer) => Some(timer_name(*timer)),
            ClockStep::Wait(_) => None,
        });
        let timers = match plan.timers {
            Firing::Clock => Timers::new(fired),
            Firing::Race => Timers::racing(),
        };
        let server = ServerHost::new(scenario, plan.inline.contains(&Role::Server));
        let executor = Executor::new("worker", scenario.workers(), plan.inline.contains(&Role::Worker));
        let limits = scenario.limits.clone();
        let agent = match scenario.agent.kind {
            AgentKind::Acp => {
                let portal_thread = PortalThread::spawn("portal", &timers);
                let peer: Rc<dyn Peer> = Rc::new(server.clone());
                let kind = (scenario.agent.suffix, scenario.switches_model());
                let (limits, timers) = (limits.clone(), timers.clone());
                Agent::Acp(AcpAgent::new(plan.decisions, limits, kind, peer, portal_thread, timers))
            }
            AgentKind::Llm => {
                let condenser = scenario.agent.condenser.then_some(plan.decisions.condenser_usage);
                let confirmation = scenario.agent.confirmation;
                Agent::Llm(LlmAgent::new(Rc::new(server.clone()), condenser, confirmation))
            }
            AgentKind::Sync => {
                let confirmation = scenario.agent.confirmation;
                Agent::Sync(LlmAgent::new(Rc::new(server.clone()), None, confirmation))
            }
        };
        let conversation = LocalConversation::new(agent, plan.decisions, limits.iterations, executor.clone());
        server.begin(scenario, conversation.state());
        if plan.begins_ready() && !plan.has_server() {
            // There is no server to be started, so it is ready before anybody subscribes.
            make_ready(&conversation);
        }
        let service = (scenario.through == Through::Service).then(|| {
            let event_loop = EventLoop::new("loop", &timers);
            let subscriber = SlowSubscriber::new(scenario, &server, &event_loop);
            let service = EventService::start(
                conversation.clone(),
                &event_loop,
                &executor,
                limits,
                Rc::new(subscriber),
            );
            let runner = event_loop.clone();
            thread::spawn_daemon("loop", move || runner.run_forever_idle());
            (service, event_loop)
        });
        let players = scenario.actors.iter().map(|actor| Player {
            name: actor.name.clone(),
            does: actor.does.clone(),
            calls: OrderedCell::new("calls", Vec::new()),
            tokens: OrderedCell::new("tokens", Vec::new()),
        });
        Self { conversation, server, service, timers, players: players.collect() }
    }
}

fn make_ready(conversation: &LocalConversation) {
    let ready = conversation.ensure_agent_ready();
    assert!(ready.is_ok(), "the scripted server starts well before the scenario begins");
}

fn timer_name(timer: Timer) -> &'static str {
    match timer {
        Timer::Prompt => "prompt",
        Timer::Drain => "drain",
        Timer::InterruptWait => "interrupt_wait",
        Timer::CancelSend => "cancel_send",
        Timer::Retry => "retry",
    }
}
