//! The SARIF log (2.1.0) of a check: each broken rule and each snapshot that is not as reviewed, at a place in a file.
//!
//! The fields are those that readers of the format use; each is required by its schema or says where, what and how
//! sure.

use serde::Serialize;

use super::checked;
use super::json::{CheckDocument, CheckedScenario, Standing};
use super::words;
use crate::rules::{Side, basis, rules};

/// The rule of a snapshot that is missing or different, which no rule of the conversation is.
const SNAPSHOT: (&str, &str, &str) = (
    "snapshot",
    "the outcomes of a scenario are as reviewed",
    "The set of outcomes or the lock order of the scenario is not the one in its reviewed snapshot, or there is none. \
     `turnloom check --update` makes what was seen the snapshot.",
);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Log<'d> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'d>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'d> {
    tool: Tool,
    invocations: [Invocation; 1],
    results: Vec<SarifResult<'d>>,
    column_kind: &'static str,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<ReportingDescriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportingDescriptor {
    id: &'static str,
    short_description: Message,
    full_description: Message,
    help: Message,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<RestsOn>,
}

/// How binding a rule is, and where it comes from.
#[derive(Serialize)]
struct RestsOn {
    profile: &'static str,
    cites: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    exit_code: u8,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification>,
}

/// A scenario that was not all run.
#[derive(Serialize)]
struct Notification {
    level: &'static str,
    message: Message,
    locations: [Location; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult<'d> {
    rule_id: &'d str,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: [Location; 1],
    partial_fingerprints: Fingerprints,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Properties<'d>>,
}

/// What stays the same for as long as the finding does: the scenario and the rule.
#[derive(Serialize)]
struct Fingerprints {
    #[serde(rename = "scenarioAndRule/v1")]
    scenario_and_rule: String,
}

#[derive(Serialize)]
struct Properties<'d> {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'d str>,
    side: Side,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Serialize)]
struct ArtifactLocation {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
}

/// The log of a check.
#[must_use]
pub fn of_check(document: &CheckDocument) -> String {
    let unfinished = document.scenarios.iter().filter(|checked| !matches!(checked.exit, 0 | 1));
    let notifications: Vec<Notification> = unfinished.map(notification).collect();
    let invocation = Invocation {
        execution_successful: notifications.is_empty(),
        exit_code: document.exit(),
        tool_execution_notifications: notifications,
    };
    let semantic_version = env!("CARGO_PKG_VERSION");
    let run = Run {
        tool: Tool { driver: Driver { name: "turnloom", semantic_version, rules: descriptors() } },
        invocations: [invocation],
        results: document.scenarios.iter().flat_map(results).collect(),
        column_kind: "unicodeCodePoints",
    };
    let schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
    super::json::text(&Log { schema, version: "2.1.0", runs: [run] })
}

fn descriptors() -> Vec<ReportingDescriptor> {
    let of_rules = rules().iter().map(|rule| (rule.name(), rule.title(), rule.page()));
    let one = |(id, title, page): (&'static str, &str, &str)| ReportingDescriptor {
        id,
        short_description: Message { text: title.to_owned() },
        full_description: Message { text: page.to_owned() },
        help: Message { text: format!("`turnloom explain {id}` has the page of the rule.") },
        properties: basis(id).map(|basis| RestsOn { profile: basis.profile.name(), cites: basis.cited() }),
    };
    let snapshot = ReportingDescriptor {
        help: Message { text: "Read the difference as you would read code.".to_owned() },
        ..one(SNAPSHOT)
    };
    of_rules.map(one).chain([snapshot]).collect()
}

fn results(checked: &CheckedScenario) -> Vec<SarifResult<'_>> {
    let fingerprints = |rule: &str| Fingerprints { scenario_and_rule: format!("{}/{rule}", checked.name) };
    // A rule that is none of this version stands behind all that are.
    let rule_index =
        |name: &str| rules().iter().position(|rule| rule.name() == name).unwrap_or(rules().len());
    let broken = checked.violations.iter().map(|broken| {
        let mut text = words::plain(&broken.message);
        if let Some(token) = &broken.token {
            text += "\n";
            text += &words::replay(token, &checked.file, "");
        }
        SarifResult {
            rule_id: &broken.rule,
            rule_index: rule_index(&broken.rule),
            level: "error",
            message: Message { text },
            locations: [location(&checked.file, broken.line)],
            partial_fingerprints: fingerprints(&broken.rule),
            properties: Some(Properties { token: broken.token.as_deref(), side: broken.side }),
        }
    });
    let differs = |standing| matches!(standing, Standing::Missing | Standing::Different);
    let snapshot = checked.snapshot.iter().filter(|snapshot| differs(snapshot.standing)).map(|snapshot| {
        // Nothing can be shown in a file that is not there.
        let place = match snapshot.standing {
            Standing::Different => location(&snapshot.file, snapshot.line),
            _ => location(&checked.file, 1),
        };
        SarifResult {
            rule_id: SNAPSHOT.0,
            rule_index: rules().len(),
            level: "error",
            message: Message { text: checked::finding(snapshot) },
            locations: [place],
            partial_fingerprints: fingerprints(SNAPSHOT.0),
            properties: None,
        }
    });
    broken.chain(snapshot).collect()
}

fn notification(checked: &CheckedScenario) -> Notification {
    let refused = checked.snapshot.as_ref().filter(|snapshot| snapshot.standing == Standing::Refused);
    let why = refused.map_or(&checked.verdict, |snapshot| &snapshot.words);
    Notification {
        level: "error",
        message: Message { text: format!("{}: {why}", checked.name) },
        locations: [location(&checked.file, 1)],
    }
}

fn location(file: &str, start_line: usize) -> Location {
    let artifact_location = ArtifactLocation { uri: uri(file) };
    Location { physical_location: PhysicalLocation { artifact_location, region: Region { start_line } } }
}

/// A path as a URI reference: `a b.json` is `a%20b.json`.
fn uri(path: &str) -> String {
    let root = if path.starts_with('/') { "file://" } else { "" };
    path.bytes().fold(root.to_owned(), |mut uri, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri += &format!("%{byte:02X}");
        }
        uri
    })
}

#[cfg(test)]
mod tests {
    use super::{of_check, uri};
    use crate::report::json::CheckDocument;
    use crate::report::testkit::{different, incomplete, scenario, violated};
    use crate::rules::rules;

    #[test]
    fn a_path_is_a_uri_reference() {
        assert_eq!(uri("scenarios/r08.json"), "scenarios/r08.json");
        assert_eq!(uri("my scenarios/ö:1%.json"), "my%20scenarios/%C3%B6%3A1%25.json");
        assert_eq!(uri("/a/b.json"), "file:///a/b.json");
    }

    #[test]
    fn every_finding_is_a_result_at_a_place_and_names_its_rule() {
        let scenarios = vec![scenario("r01"), violated("r08"), different("r09"), incomplete("r10")];
        let log: serde_json::Value = serde_json::from_str(&of_check(&CheckDocument::new(scenarios))).unwrap();
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"].as_array().unwrap().len(), rules().len() + 1);
        let results = run["results"].as_array().unwrap();
        let place = |result: &serde_json::Value| {
            let place = &result["locations"][0]["physicalLocation"];
            format!("{}:{}", place["artifactLocation"]["uri"].as_str().unwrap(), place["region"]["startLine"])
        };
        let told: Vec<_> =
            results.iter().map(|result| (result["ruleId"].as_str().unwrap(), place(result))).collect();
        assert_eq!(
            told,
            [
                ("lock-order", "scenarios/r08.json:3".to_owned()),
                ("no-replay", "scenarios/r08.json:3".to_owned()),
                ("snapshot", "snapshots/r09.snap:7".to_owned()),
            ]
        );
        for result in results {
            let rule = &run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize];
            assert_eq!(rule["id"], result["ruleId"]);
        }
        let invocation = &run["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false, "not all was run");
        let told = &invocation["toolExecutionNotifications"][0]["message"]["text"];
        assert_eq!(told, "r10: incomplete: the budget of 5 schedules was used up");
    }
}
