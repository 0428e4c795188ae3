//! What lives during one execution on the model: the conversation, its server, its service, and the actors.

use std::rc::Rc;

use super::Plan;
use super::server::ServerHost;
use super::subscriber::SlowSubscriber;
use crate::engine::kernel::{OrderedCell, Timers, thread};
use crate::harness::Firing;
use crate::observation::{Call, TokenView};
use crate::scenario::{ClockStep, Role, Step, Through};
use crate::subject::model::asyncio::{EventLoop, Executor, PortalThread};
use crate::subject::model::{AcpAgent, Agent, EventService, LlmAgent, LocalConversation, Peer};
use crate::terms::{AgentKind, ThreadRole};

/// What lives during one execution.
#[derive(Clone)]
pub(crate) struct World {
    pub(super) conversation: LocalConversation,
    pub(super) server: ServerHost,
    pub(super) service: Option<(EventService, EventLoop)>,
    pub(super) timers: Timers,
    /// All threads hold the world, so the players are in it by reference.
    pub(super) players: Rc<[Player]>,
}

/// An actor with what it has to show.
pub(crate) struct Player {
    pub(super) name: String,
    pub(super) does: Vec<Step>,
    pub(super) calls: OrderedCell<Vec<Call>>,
    pub(super) tokens: OrderedCell<Vec<TokenView>>,
}

impl World {
    pub(super) fn build(plan: &Plan) -> Self {
        let scenario = &plan.scenario;
        let fired = scenario.clock.iter().filter_map(|step| match step {
            ClockStep::Fire(timer) => Some(timer.name()),
            ClockStep::Wait(_) => None,
        });
        let timers = match plan.timers {
            Firing::Clock => Timers::new(fired),
            Firing::Race => Timers::racing(),
        };
        let server = ServerHost::new(scenario, plan.inline.contains(&Role::Server));
        let executor =
            Executor::new(ThreadRole::Worker.name(), scenario.workers(), plan.inline.contains(&Role::Worker));
        let limits = scenario.limits.clone();
        let agent = match scenario.agent.kind {
            AgentKind::Acp => {
                let portal_thread = PortalThread::spawn(ThreadRole::Portal.name(), &timers);
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
        let conversation = LocalConversation::new(
            agent,
            plan.decisions,
            limits.iterations,
            executor.clone(),
            scenario.runs_synchronously(),
        );
        server.begin(scenario, conversation.state());
        if plan.begins_ready() && !plan.has_server() {
            // There is no server to be started, so it is ready before anybody subscribes.
            make_ready(&conversation);
        }
        let service = (scenario.through == Through::Service).then(|| {
            let event_loop = EventLoop::new(ThreadRole::Loop.name(), &timers);
            let subscriber = SlowSubscriber::new(scenario, &server, &event_loop);
            let service = EventService::start(
                conversation.clone(),
                &event_loop,
                &executor,
                limits,
                Rc::new(subscriber),
            );
            let runner = event_loop.clone();
            thread::spawn_daemon(ThreadRole::Loop.name(), move || runner.run_forever_idle());
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

pub(super) fn make_ready(conversation: &LocalConversation) {
    let ready = conversation.ensure_agent_ready();
    assert!(ready.is_ok(), "the scripted server starts well before the scenario begins");
}
