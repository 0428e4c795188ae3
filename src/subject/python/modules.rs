//! The rig's Python files and the adapters, which are part of turnloom.

use std::collections::BTreeMap;

/// What an interpreter runs first: it takes the rest over its pipe.
pub(super) const BOOT: &str = include_str!("rig/boot.py");

/// Every module with its text, by its dotted name under the rig's package.
macro_rules! modules {
    ($($name:literal: $file:literal,)*) => {
        const MODULES: &[(&str, &str)] = &[$(($name, include_str!($file))),*];
    };
}

modules! {
    "actors": "rig/actors.py",
    "adapter": "rig/adapter.py",
    "clock": "rig/clock.py",
    "entropy": "rig/entropy.py",
    "executors": "rig/executors.py",
    "files": "rig/files.py",
    "first": "rig/first.py",
    "futures": "rig/futures.py",
    "guard": "rig/guard.py",
    "locks": "rig/locks.py",
    "loop": "rig/loop.py",
    "names": "rig/names.py",
    "process": "rig/process.py",
    "program": "rig/program.py",
    "protocol": "rig/protocol.py",
    "queues": "rig/queues.py",
    "rewrite": "rig/rewrite.py",
    "run": "rig/run.py",
    "scheduler": "rig/scheduler.py",
    "threads": "rig/threads.py",
    "watch": "rig/watch.py",
    "worker": "rig/worker.py",
    "adapters.acp": "adapters/acp.py",
    "adapters.openhands.__init__": "adapters/openhands/__init__.py",
    "adapters.openhands.agents": "adapters/openhands/agents.py",
    "adapters.openhands.conversation": "adapters/openhands/conversation.py",
    "adapters.openhands.hooks": "adapters/openhands/hooks.py",
    "adapters.openhands.llm_transport": "adapters/openhands/llm_transport.py",
    "adapters.openhands.play": "adapters/openhands/play.py",
    "adapters.openhands.record": "adapters/openhands/record.py",
    "adapters.openhands.release": "adapters/openhands/release.py",
    "adapters.openhands.service": "adapters/openhands/service.py",
    "adapters.openhands.timers": "adapters/openhands/timers.py",
    "adapters.openhands.tools": "adapters/openhands/tools.py",
    "adapters.openhands.words": "adapters/openhands/words.py",
}

/// The modules, by their dotted names.
pub(super) fn modules() -> BTreeMap<&'static str, &'static str> {
    MODULES.iter().copied().collect()
}
