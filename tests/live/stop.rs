use std::str::FromStr;

use agent_client_protocol::schema::ProtocolVersion;
use agent_client_protocol::v1::ConnectionTo;
use agent_client_protocol::v1::schema::{
    CancelNotification, ContentBlock, InitializeRequest, NewSessionRequest, PromptRequest,
    SessionNotification, SessionUpdate, StopReason, TextContent,
};
use agent_client_protocol::{AcpAgent, Agent, Client, Error, on_receive_notification};

#[tokio::test]
async fn a_stop_ends_the_turn() {
    let agent = AcpAgent::from_str("turnloom serve stop.json --transcript session.jsonl").unwrap();
    let talk = Client
        .v1()
        .on_receive_notification(
            async |said: SessionNotification, connection: ConnectionTo<Agent>| match said.update {
                SessionUpdate::AgentMessageChunk(_) => {
                    connection.send_notification(CancelNotification::new(said.session_id))
                }
                _ => Ok(()),
            },
            on_receive_notification!(),
        )
        .connect_with(agent, |connection: ConnectionTo<Agent>| async move {
            connection.send_request(InitializeRequest::new(ProtocolVersion::V1)).block_task().await?;
            let new = connection.send_request(NewSessionRequest::new("/")).block_task().await?;
            let prompt = vec![ContentBlock::Text(TextContent::new("first"))];
            let answer =
                connection.send_request(PromptRequest::new(new.session_id, prompt)).block_task().await?;
            Ok::<_, Error>(answer.stop_reason)
        });
    assert_eq!(talk.await.unwrap(), StopReason::Cancelled);
}
