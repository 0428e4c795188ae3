//! The official Rust SDK as the client: an independent reading of the protocol. It starts the server, talks to it in its
//! own types, and would refuse what its schema does not know.

use std::cell::RefCell;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use agent_client_protocol::schema::ProtocolVersion;
use agent_client_protocol::v1::ConnectionTo;
use agent_client_protocol::v1::schema::{
    CancelNotification, ContentBlock, InitializeRequest, LoadSessionRequest, NewSessionRequest,
    PromptRequest, RequestPermissionOutcome, RequestPermissionRequest, RequestPermissionResponse,
    SelectedPermissionOutcome, SessionNotification, SessionUpdate, StopReason, TextContent,
};
use agent_client_protocol::{AcpAgent, Agent, Client, Error};

use super::{Folder, scenario};

const SCRIPT: &str = r#"[
    {"on": {"prompt": "hi"}, "do": [
        {"think": "hm"},
        {"say": "working"},
        {"tool": {"id": "t1", "status": "in_progress"}},
        {"wait": {"frame": {"method": "session/cancel"}}},
        {"tool": {"id": "t1", "status": "failed"}},
        {"answer": "cancelled"}
    ]},
    {"on": "any_prompt", "do": [
        {"call": {"name": "may I", "method": "session/request_permission", "params": {
            "sessionId": "$session",
            "toolCall": {"toolCallId": "t2", "title": "look"},
            "options": [{"optionId": "yes", "name": "Yes", "kind": "allow_once"}]
        }}},
        {"wait": {"reply": {"to": "may I", "with": "result"}}},
        {"tool": {"id": "t2", "status": "pending"}},
        {"tool": {"id": "t2", "status": "completed"}},
        {"raw": {"text": "{\"jsonrpc\": broken\n"}},
        {"say": "looked"},
        {"answer": "end_turn"}
    ]}
]"#;

/// What an update says, in a word or two.
fn word(update: &SessionUpdate) -> String {
    let text = |content: &ContentBlock| match content {
        ContentBlock::Text(text) => text.text.clone(),
        other => format!("{other:?}"),
    };
    match update {
        SessionUpdate::AgentMessageChunk(chunk) => format!("say {}", text(&chunk.content)),
        SessionUpdate::AgentThoughtChunk(chunk) => format!("think {}", text(&chunk.content)),
        SessionUpdate::ToolCall(call) => format!("tool {} {:?}", call.tool_call_id, call.status),
        SessionUpdate::ToolCallUpdate(update) => {
            format!("tool {} {:?}", update.tool_call_id, update.fields.status.unwrap())
        }
        SessionUpdate::UsageUpdate(usage) => format!("usage {}", usage.used),
        other => format!("{other:?}"),
    }
}

#[test]
fn the_official_client_plays_a_scenario() {
    let folder = Folder::new("sdk", &scenario(SCRIPT));
    let file = |name: &str| folder.file(name).display().to_string();
    let command = format!(
        "{} serve {} --watchdog 60s --transcript {}",
        env!("CARGO_BIN_EXE_turnloom"),
        file("live.json"),
        file("t.jsonl")
    );
    let agent = AcpAgent::from_str(&command).unwrap();
    let updates = Arc::new(Mutex::new(Vec::new()));
    let seen = updates.clone();
    let reasons = Rc::new(RefCell::new(Vec::new()));
    let told = reasons.clone();
    let talk = Client
        .v1()
        .on_receive_notification(
            async move |notification: SessionNotification, connection: ConnectionTo<Agent>| {
                let word = word(&notification.update);
                let working = word == "say working";
                seen.lock().unwrap().push(word);
                if working {
                    connection.send_notification(CancelNotification::new(notification.session_id))?;
                }
                Ok(())
            },
            agent_client_protocol::on_receive_notification!(),
        )
        .on_receive_request(
            async move |request: RequestPermissionRequest, responder, _connection| {
                let option = request.options[0].option_id.clone();
                let outcome = RequestPermissionOutcome::Selected(SelectedPermissionOutcome::new(option));
                responder.respond(RequestPermissionResponse::new(outcome))
            },
            agent_client_protocol::on_receive_request!(),
        )
        .connect_with(agent, |connection: ConnectionTo<Agent>| async move {
            let initialize = InitializeRequest::new(ProtocolVersion::V1);
            let initialized = connection.send_request(initialize).block_task().await?;
            assert!(initialized.agent_capabilities.load_session);
            let new = connection.send_request(NewSessionRequest::new("/")).block_task().await?;
            let load = LoadSessionRequest::new(new.session_id.clone(), "/");
            connection.send_request(load).block_task().await?;
            for text in ["hi", "again"] {
                let prompt = vec![ContentBlock::Text(TextContent::new(text))];
                let prompt = PromptRequest::new(new.session_id.clone(), prompt);
                let answer = connection.send_request(prompt).block_task().await?;
                told.borrow_mut().push(answer.stop_reason);
            }
            Ok::<_, Error>(())
        });
    tokio_test::block_on(talk).unwrap();
    assert_eq!(*reasons.borrow(), [StopReason::Cancelled, StopReason::EndTurn]);
    assert_eq!(
        *updates.lock().unwrap(),
        [
            "think hm",
            "say working",
            "tool t1 InProgress",
            "tool t1 Failed",
            "usage 1",
            "tool t2 Pending",
            "tool t2 Completed",
            "say looked",
            "usage 1",
        ]
    );
    let transcript = folder.transcript();
    let policies: Vec<_> = transcript.iter().filter_map(|entry| entry["read"]["policy"].as_str()).collect();
    assert_eq!(policies, ["an error about what was no frame"], "it says so of the broken line, and goes on");
}
