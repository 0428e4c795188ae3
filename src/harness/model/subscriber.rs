//! The subscriber of the event service, who may be slow to take in some kinds of events: a window that somebody has to
//! scroll, a socket that is full.

use crate::observation::Published;
use crate::scenario::{Delivery, Scenario};
use crate::subject::model::Subscriber;
use crate::subject::model::asyncio::{EventLoop, Future};

use super::server::ServerHost;

/// A subscriber on the service's loop that waits for gates.
pub(crate) struct SlowSubscriber {
    deliveries: Vec<Delivery>,
    server: ServerHost,
    event_loop: EventLoop,
}

impl SlowSubscriber {
    pub(crate) fn new(scenario: &Scenario, server: &ServerHost, event_loop: &EventLoop) -> Self {
        let deliveries = scenario.subscriber.clone();
        Self { deliveries, server: server.clone(), event_loop: event_loop.clone() }
    }
}

impl Subscriber for SlowSubscriber {
    fn takes_in(&self, published: &Published) -> Option<Future<()>> {
        let Published::Event(event) = published else { return None };
        let delivery = self.deliveries.iter().find(|delivery| delivery.on == event.kind)?;
        Some(self.server.gate_opened(&delivery.gate, &self.event_loop))
    }
}
