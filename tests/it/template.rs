//! `template.yaml`, the code and `events/` agree: routes, tables, variables, and what each function may do, which is
//! exactly what it does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use holdfast::config;
use holdfast::runtime::{BatchAnswer, DEFAULT_ROUTE, StreamFunction as _, consume};
use holdfast::store::{HISTORY, IDENTITY, RESOURCES, Table, TableDefinition};
use holdfast_local::{
    FUNCTIONS, HistorySource, Keys, Options, STREAM_FUNCTIONS, Server, Streams, local_sdk, table_names,
};
use holdfast_tests::{
    Bus, Call, DB01, Locks, SECOND_FACTOR_KEY, WEB01, World, api_key, people_with_an_operator, session_id,
    targets,
};
use publish_events::{EventBus, PublishEvents};
use serde_json::value::to_raw_value;
use serde_json::{Value as Json, json};
use serde_norway::Value;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn template() -> Value {
    let text = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    serde_norway::from_str(&text).unwrap()
}

/// A value without its CloudFormation tag, if it has one.
fn untagged(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) => &tagged.value,
        value => value,
    }
}

fn text(value: &Value) -> String {
    untagged(value)
        .as_str()
        .unwrap_or_else(|| panic!("no text: {value:?}"))
        .to_owned()
}

/// One text or a list of them.
fn texts(value: &Value) -> Vec<String> {
    match untagged(value) {
        Value::Sequence(list) => list.iter().map(text).collect(),
        one => vec![text(one)],
    }
}

fn entries(value: &Value) -> Vec<(String, &Value)> {
    let mapping = untagged(value)
        .as_mapping()
        .unwrap_or_else(|| panic!("no mapping: {value:?}"));
    mapping.iter().map(|(name, value)| (text(name), value)).collect()
}

/// The template's functions by the name of their binary.
fn functions(template: &Value) -> BTreeMap<String, &Value> {
    entries(&template["Resources"])
        .into_iter()
        .filter(|(_, resource)| text(&resource["Type"]) == "AWS::Serverless::Function")
        .map(|(_, resource)| (text(&resource["Metadata"]["BuildProperties"]["Binary"]), resource))
        .collect()
}

/// Those behind routes and those behind the stream.
fn function_names() -> impl Iterator<Item = &'static str> {
    let routed = FUNCTIONS.iter().map(|function| function.name);
    routed.chain(STREAM_FUNCTIONS.iter().copied())
}

fn events() -> Vec<(String, Json)> {
    let mut events: Vec<(String, Json)> = std::fs::read_dir(root().join("events"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let event = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), event)
        })
        .collect();
    events.sort_by(|a, b| a.0.cmp(&b.0));
    events
}

#[test]
fn every_route_has_a_function_in_the_template_a_folder_and_an_event() {
    let template = template();
    let defined = functions(&template);
    let names: BTreeSet<&str> = function_names().collect();
    assert_eq!(
        defined.keys().map(String::as_str).collect::<BTreeSet<_>>(),
        names,
        "functions"
    );
    let folders: BTreeSet<String> = std::fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        folders.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        names,
        "folders"
    );

    let events = events();
    for function in FUNCTIONS {
        let resource = defined[function.name];
        assert_eq!(text(&resource["Metadata"]["SamResourceId"]), function.name);
        let routed: BTreeSet<String> = entries(&resource["Properties"]["Events"])
            .iter()
            .map(|(_, event)| {
                let properties = &event["Properties"];
                assert_eq!(text(&properties["PayloadFormatVersion"]), "2.0");
                if properties.get("Path").is_none() {
                    return DEFAULT_ROUTE.to_owned();
                }
                format!("{} {}", text(&properties["Method"]), text(&properties["Path"]))
            })
            .collect();
        let served: BTreeSet<String> = function
            .routes
            .iter()
            .map(holdfast::runtime::Route::key)
            .chain(function.fallback.map(|_| DEFAULT_ROUTE.to_owned()))
            .collect();
        assert_eq!(
            routed, served,
            "the routes of {} in template.yaml and in its code",
            function.name
        );
        for route in &served {
            let prefix = format!("{}--", function.name);
            assert!(
                events
                    .iter()
                    .any(|(name, event)| name.starts_with(&prefix) && event["routeKey"] == route.as_str()),
                "no event in events/ for {route}"
            );
        }
    }
    for (name, event) in &events {
        let function = name.split("--").next().unwrap();
        if STREAM_FUNCTIONS.contains(&function) {
            let records = event["Records"].as_array().unwrap();
            let sources = records.iter().map(|record| &record["eventSource"]);
            assert!(
                sources.into_iter().all(|source| source == "aws:dynamodb"),
                "{name}"
            );
            continue;
        }
        let function = FUNCTIONS.iter().find(|known| known.name == function);
        let function = function.unwrap_or_else(|| panic!("{name} is no function's event"));
        let key = event["routeKey"].as_str().unwrap();
        assert!(
            function.route(key).is_some() || (key == DEFAULT_ROUTE && function.fallback.is_some()),
            "{name}: {} does not serve {key}",
            function.name
        );
        assert_eq!(event["requestContext"]["routeKey"], key, "{name}");
    }
}

/// A batch that fails is sent again from the record that failed; a record that fails for ever ends as a dead letter, while
/// the stream still has it.
#[test]
fn every_function_behind_the_stream_is_fed_from_its_beginning_and_held_up_by_no_record() {
    let template = template();
    let defined = functions(&template);
    for function in STREAM_FUNCTIONS {
        let resource = defined[*function];
        assert_eq!(text(&resource["Metadata"]["SamResourceId"]), *function);
        let sources = entries(&resource["Properties"]["Events"]);
        assert_eq!(sources.len(), 1, "{function}");
        let (_, source) = &sources[0];
        assert_eq!(text(&source["Type"]), "DynamoDB");
        let source = &source["Properties"];
        assert_eq!(text(&source["Stream"]), "ResourcesStreamArn.Value");
        assert_eq!(text(&source["StartingPosition"]), "TRIM_HORIZON");
        assert_eq!(source["BatchSize"], Value::from(100));
        assert_eq!(
            texts(&source["FunctionResponseTypes"]),
            ["ReportBatchItemFailures"]
        );
        assert_eq!(source["BisectBatchOnFunctionError"], Value::from(true));
        let age = source["MaximumRecordAgeInSeconds"].as_u64().unwrap();
        assert!((3_600..86_400).contains(&age), "{age} seconds");
        let letters = &source["DestinationConfig"]["OnFailure"];
        assert_eq!(text(&letters["Type"]), "SQS");
        let queue = text(&letters["Destination"]);
        let queue = &template["Resources"][queue.strip_suffix(".Arn").unwrap()];
        assert_eq!(text(&queue["Type"]), "AWS::SQS::Queue");
        assert_eq!(queue["Properties"]["SqsManagedSseEnabled"], Value::from(true));

        let prefix = format!("{function}--");
        assert!(
            events().iter().any(|(name, _)| name.starts_with(&prefix)),
            "no event in events/ for {function}"
        );
    }
}

/// Lambda itself counts neither a record that is kept raw or not published nor a gap.
#[test]
fn what_is_late_or_lost_or_faulty_behind_the_stream_is_an_alarm() {
    for (function, of, filter) in [
        ("RecordHistory", "History", "HistoryFaults"),
        ("PublishEvents", "Events", "EventFaults"),
    ] {
        watched_behind_the_stream(function, of, filter);
    }
}

fn watched_behind_the_stream(function: &str, of: &str, filter: &str) {
    let template = template();
    let properties = |name: &str| &template["Resources"][name]["Properties"];
    let late = properties(&format!("Late{of}"));
    assert_eq!(text(&late["MetricName"]), "IteratorAge");
    assert_eq!(text(&late["Dimensions"][0]["Value"]), function);
    let lost = properties(&format!("Lost{of}"));
    assert_eq!(text(&lost["MetricName"]), "ApproximateNumberOfMessagesVisible");
    assert_eq!(
        text(&lost["Dimensions"][0]["Value"]),
        format!("{function}DeadLetters.QueueName")
    );
    let filter = properties(filter);
    assert_eq!(text(&filter["LogGroupName"]), format!("{function}Logs"));
    let metric = &filter["MetricTransformations"][0];
    let faulty = properties(&format!("Faulty{of}"));
    assert_eq!(text(&metric["MetricName"]), text(&faulty["MetricName"]));
    assert_eq!(text(&metric["MetricNamespace"]), text(&faulty["Namespace"]));
    let folder = text(&properties(function)["CodeUri"]);
    let code = std::fs::read_to_string(root().join(&folder).join("src/lib.rs")).unwrap();
    let pattern = text(&filter["FilterPattern"]);
    let said: Vec<&str> = pattern.split('"').skip(1).step_by(2).collect();
    assert_eq!(said.len(), 2, "{pattern}");
    for text in said {
        let begins = format!("\"{}", text.strip_suffix('*').unwrap());
        assert!(code.contains(&begins), "{folder} never logs {begins}");
    }
}

/// Subscribers follow the stack's own bus, and nothing but its archive is fed from it here.
#[test]
fn the_bus_is_the_stacks_own_and_its_archive_keeps_what_the_parameter_says() {
    let template = template();
    let resource = |name: &str| &template["Resources"][name];
    assert_eq!(text(&resource("EventBus")["Type"]), "AWS::Events::EventBus");
    assert_eq!(
        text(&resource("EventBus")["Properties"]["Name"]),
        "AWS::StackName"
    );
    let archive = &resource("EventArchive")["Properties"];
    assert_eq!(text(&archive["SourceArn"]), "EventBus.Arn");
    assert_eq!(text(&archive["RetentionDays"]), "EventArchiveDays");
    assert_eq!(text(&template["Outputs"]["EventBusName"]["Value"]), "EventBus");
    let days = &template["Parameters"]["HistoryRetentionDays"];
    assert_eq!(
        days["Default"]
            .as_u64()
            .map(|days| Duration::from_hours(days * 24)),
        Some(config::HISTORY_KEPT)
    );
}

#[test]
fn every_event_is_in_the_readme_with_its_answer() {
    let readme = std::fs::read_to_string(root().join("events/README.md")).unwrap();
    for (name, _) in events() {
        let (function, happens) = name.split_once("--").unwrap();
        let row = readme.lines().find(|line| {
            line.starts_with(&format!("| `{function}--")) && line.contains(&format!("--{happens}`"))
        });
        assert!(row.is_some(), "{name} is not in events/README.md");
    }
}

#[test]
fn every_event_in_the_readme_is_there() {
    let readme = std::fs::read_to_string(root().join("events/README.md")).unwrap();
    let names: BTreeSet<String> = events().into_iter().map(|(name, _)| name).collect();
    let mut listed = BTreeSet::new();
    for row in readme
        .lines()
        .filter(|line| line.starts_with("| `") && !line.starts_with("| `{{") && line.contains("--"))
    {
        let cell = row.split('|').nth(1).unwrap();
        let function = function_names().find(|name| cell.starts_with(&format!(" `{name}--")));
        let function = function.unwrap_or_else(|| panic!("{row} is of no function"));
        // The first name in a row is whole, the others leave the function out.
        for name in cell.split('`').filter(|name| name.contains("--")) {
            listed.insert(format!("{function}--{}", name.split_once("--").unwrap().1));
        }
    }
    for name in &listed {
        assert!(
            names.contains(name),
            "events/{name}.json is in the README and not there"
        );
    }
    assert_eq!(listed, names);
}

#[test]
fn every_variable_that_the_code_reads_is_set_and_no_other() {
    let template = template();
    let variables = &template["Globals"]["Function"]["Environment"]["Variables"];
    let set: BTreeSet<String> = entries(variables).into_iter().map(|(name, _)| name).collect();
    let epoch = ["FENCE_EPOCH"];
    assert!(config::OPTIONAL_VARIABLES.contains(&epoch[0]));
    let read = config::VARIABLES.iter().chain(&epoch);
    assert_eq!(set, read.map(|name| (*name).to_owned()).collect());
    assert_eq!(text(&variables["FENCE_EPOCH"]), "FenceEpoch");
    for (name, function) in functions(&template) {
        let own = function["Properties"].get("Environment").map(|environment| {
            let variables = entries(&environment["Variables"]).into_iter();
            variables
                .map(|(name, value)| (name, untagged(value).as_str().unwrap_or("(of parts)").to_owned()))
                .collect::<Vec<_>>()
        });
        let expected: &[(&str, &str)] = match name.as_str() {
            "history" => &[("HISTORY_TABLE", "HistoryTableName.Value")],
            "record-history" => &[
                ("HISTORY_TABLE", "HistoryTableName.Value"),
                ("HISTORY_RETENTION_DAYS", "HistoryRetentionDays"),
            ],
            "publish-events" => &[("EVENT_BUS", "EventBus")],
            // Which keys, `deployment::` says.
            "sign-in" => &[(config::SECOND_FACTOR_KEYS, "(of parts)")],
            _ => &[],
        };
        let own = own.unwrap_or_default();
        let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(own, expected, "variables of {name} alone");
        for (variable, _) in own {
            let is_read =
                config::OPTIONAL_VARIABLES.contains(&variable) || variable == config::SECOND_FACTOR_KEYS;
            assert!(is_read, "{variable}");
        }
    }
}

#[test]
fn all_tables_are_what_the_local_server_creates() {
    let template = template();
    for (logical, definition) in [
        ("ResourcesTable", &RESOURCES),
        ("IdentityTable", &IDENTITY),
        ("HistoryTable", &HISTORY),
    ] {
        let table = &template["Resources"][logical];
        assert_eq!(text(&table["DeletionPolicy"]), "RetainExceptOnCreate");
        assert_eq!(text(&table["UpdateReplacePolicy"]), "Retain");
        table_is(&table["Properties"], definition);
        let properties = &table["Properties"];
        assert_eq!(
            text(&properties["DeletionProtectionEnabled"]),
            "DeletionProtection"
        );
        let key = untagged(&properties["SSESpecification"]).as_sequence().unwrap();
        assert_eq!(text(&key[1]["KMSMasterKeyId"]), "TableKeyArn");
        let output = &template["Outputs"][format!("{logical}Name").as_str()];
        assert_eq!(text(&output["Value"]), format!("{logical}Name.Value"));
    }
}

/// Also where the gateway's own message has quotes in it, which it escapes in `messageString` alone.
#[test]
fn every_line_of_the_access_log_is_json() {
    let template = template();
    let format = text(&template["Resources"]["Api"]["Properties"]["AccessLogSettings"]["Format"]);
    let quoted = json!("no \"body\"").to_string();
    let mut line = String::new();
    let mut rest = format.as_str();
    while let Some((before, after)) = rest.split_once("$context.") {
        let end = after
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '.')
            .unwrap();
        line.push_str(before);
        line.push_str(if after[..end].ends_with("String") {
            &quoted
        } else {
            "-"
        });
        rest = &after[end..];
    }
    let line: Json = serde_json::from_str(&(line + rest)).unwrap();
    assert_eq!(line["error"], "no \"body\"");
    assert!(!format.contains("$context.error.message\""), "{format}");
    for secret in ["path", "queryString", "rawQuery", "header"] {
        assert!(!format.contains(secret), "{secret} in {format}");
    }
}

fn table_is(properties: &Value, definition: &TableDefinition) {
    let keys = |schema: &Value| -> Vec<(String, String)> {
        let list = untagged(schema).as_sequence().unwrap();
        list.iter()
            .map(|key| (text(&key["AttributeName"]), text(&key["KeyType"])))
            .collect()
    };
    let key = |name: &str, kind: &str| (name.to_owned(), kind.to_owned());
    let mut own_keys = vec![key(definition.partition_key, "HASH")];
    own_keys.extend(definition.sort_key.map(|sort| key(sort, "RANGE")));
    assert_eq!(keys(&properties["KeySchema"]), own_keys);
    let mut attributes: BTreeSet<String> = own_keys.into_iter().map(|(name, _)| name).collect();
    let empty = Value::Sequence(Vec::new());
    let indexes = properties
        .get("GlobalSecondaryIndexes")
        .unwrap_or(&empty)
        .as_sequence()
        .unwrap();
    assert_eq!(indexes.len(), definition.indexes.len());
    for (index, expected) in indexes.iter().zip(definition.indexes) {
        assert_eq!(text(&index["IndexName"]), expected.name);
        assert_eq!(
            keys(&index["KeySchema"]),
            [key(expected.hash, "HASH"), key(expected.range, "RANGE")]
        );
        let projection = if expected.has_whole_rows {
            "ALL"
        } else {
            "KEYS_ONLY"
        };
        assert_eq!(text(&index["Projection"]["ProjectionType"]), projection);
        attributes.extend([expected.hash.to_owned(), expected.range.to_owned()]);
    }
    let defined: BTreeSet<String> = untagged(&properties["AttributeDefinitions"])
        .as_sequence()
        .unwrap()
        .iter()
        .inspect(|attribute| assert_eq!(text(&attribute["AttributeType"]), "S"))
        .map(|attribute| text(&attribute["AttributeName"]))
        .collect();
    assert_eq!(defined, attributes);
    let time_to_live = properties
        .get("TimeToLiveSpecification")
        .map(|ttl| text(&ttl["AttributeName"]));
    assert_eq!(time_to_live.as_deref(), definition.time_to_live);
    let stream = properties
        .get("StreamSpecification")
        .map(|stream| text(&stream["StreamViewType"]));
    let images = definition.has_stream.then_some("NEW_AND_OLD_IMAGES");
    assert_eq!(stream.as_deref(), images);
    assert_eq!(text(&properties["BillingMode"]), "PAY_PER_REQUEST");
    assert_eq!(
        properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
        Value::Bool(true)
    );
}

/// What a chain of `!If` chooses where this condition holds and no other.
fn chosen<'a>(value: &'a Value, condition: &str) -> &'a Value {
    match value {
        Value::Tagged(tagged) if tagged.tag == "If" => {
            let branches = tagged.value.as_sequence().unwrap();
            let branch = if text(&branches[0]) == condition { 1 } else { 2 };
            chosen(&branches[branch], condition)
        }
        value => value,
    }
}

/// CloudFormation does not make numbers of the strings in route settings, and parameters are strings there.
#[test]
fn the_throttles_of_the_routes_that_sign_in_are_numbers_that_parameters_choose() {
    let template = template();
    let settings = &template["Resources"]["Api"]["Properties"]["RouteSettings"];
    let mut throttled: BTreeMap<String, &Value> = entries(settings).into_iter().collect();
    // What no route takes has a low throttle of its own: nobody who knows the API calls it often.
    let any_other = throttled.remove(DEFAULT_ROUTE).unwrap();
    assert_eq!(chosen(&any_other["ThrottlingRateLimit"], ""), &Value::from(10));
    assert_eq!(chosen(&any_other["ThrottlingBurstLimit"], ""), &Value::from(20));
    let sign_in = FUNCTIONS
        .iter()
        .find(|function| function.name == "sign-in")
        .unwrap();
    let tried: BTreeSet<String> = sign_in
        .routes
        .iter()
        .map(holdfast::runtime::Route::key)
        .filter(|route| route.starts_with("POST") && !route.ends_with("logout"))
        .collect();
    assert_eq!(throttled.keys().cloned().collect::<BTreeSet<_>>(), tried);
    for (parameter, prefix, setting, default) in [
        ("SignInThrottlingRate", "SignInRate", "ThrottlingRateLimit", 20),
        ("SignInThrottlingBurst", "SignInBurst", "ThrottlingBurstLimit", 40),
    ] {
        let definition = &template["Parameters"][parameter];
        assert_eq!(definition["Default"], Value::from(default));
        let allowed = definition["AllowedValues"].as_sequence().unwrap();
        assert!(allowed.contains(&Value::from(default)) && allowed.len() > 1);
        for value in allowed {
            let number = value.as_u64().unwrap();
            let condition = format!("{prefix}{number}");
            for (route, settings) in &throttled {
                assert_eq!(chosen(&settings[setting], &condition), value, "{route} {setting}");
            }
            if number != default {
                let equals = untagged(&template["Conditions"][condition.as_str()])
                    .as_sequence()
                    .unwrap();
                let compared: Vec<String> = equals.iter().map(text).collect();
                assert_eq!(compared, [parameter.to_owned(), number.to_string()]);
            }
        }
    }
}

/// One thing that a function does to one row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Use {
    action: String,
    /// `ResourcesTable`, `IdentityTable`, `HistoryTable` or an index of theirs.
    resource: String,
    key: String,
    in_transaction: bool,
    /// Whether a write asks to be told of the row.
    returns_row: bool,
    /// Every top-level attribute that a write names: in its key, in what it writes and in its condition. That is what
    /// IAM compares with `dynamodb:Attributes`.
    attributes: BTreeSet<String>,
}

/// What a statement of a role allows.
#[derive(Clone, Debug)]
struct Statement {
    sid: String,
    actions: Vec<String>,
    resource: String,
    leading_keys: Vec<String>,
    only_in_transactions: bool,
    only_attributes: Option<Vec<String>>,
}

impl Statement {
    fn allows(&self, action: &str, pattern: &str, used: &Use) -> bool {
        let key = is_like(pattern, &used.key);
        let attributes = self
            .only_attributes
            .as_ref()
            .is_none_or(|all| used.attributes.iter().all(|name| all.contains(name)));
        used.action == action
            && used.resource == self.resource
            && key
            && attributes
            && (!self.only_in_transactions || used.in_transaction)
    }

    fn allows_any(&self, used: &Use) -> bool {
        self.grants()
            .any(|(action, pattern)| self.allows(action, pattern, used))
    }

    /// The attributes that it would have to allow for this use; `None` where it is about something else.
    fn lacks(&self, used: &Use) -> Option<Vec<String>> {
        let mut any = self.clone();
        let allowed = any.only_attributes.take()?;
        any.allows_any(used).then(|| {
            let missing = used.attributes.iter().filter(|name| !allowed.contains(name));
            missing.cloned().collect()
        })
    }

    /// Every action with every kind of rows.
    fn grants(&self) -> impl Iterator<Item = (&String, &String)> {
        self.actions
            .iter()
            .flat_map(|action| self.leading_keys.iter().map(move |pattern| (action, pattern)))
    }
}

/// IAM's `StringLike` of a pattern that ends with `*`, and may begin with one; a key's own parts come between slashes.
fn is_like(pattern: &str, key: &str) -> bool {
    let Some(prefix) = pattern.strip_suffix('*') else {
        return false;
    };
    match prefix.strip_prefix('*') {
        Some(middle) => key.contains(middle),
        None => key.starts_with(prefix),
    }
}

#[test]
fn patterns_are_compared_as_iam_does() {
    for (pattern, key, expected) in [
        ("device/*", "device/1/ID5", true),
        ("device/*", "1/device/7", false),
        ("*/device/*", "1/device/7", true),
        ("*/device/*", "1/user/7", false),
        ("device/1", "device/1", false),
    ] {
        assert_eq!(is_like(pattern, key), expected, "{pattern} {key}");
    }
}

fn is_read(action: &str) -> bool {
    matches!(action, "BatchGetItem" | "GetItem" | "Query")
}

/// The role of a function: nothing but Lambda takes it, it writes to the function's own log and sends traces, it opens
/// the tables' key where there is one, and what its statements on the tables allow is the answer.
fn statements(template: &Value, function: &Value) -> Vec<Statement> {
    let properties = &function["Properties"];
    assert!(
        properties.get("Policies").is_none(),
        "SAM ignores policies beside a role"
    );
    let role = text(&properties["Role"]);
    let role = role.strip_suffix(".Arn").unwrap();
    let logs = text(&properties["LoggingConfig"]["LogGroup"]);
    assert_eq!(
        role.strip_suffix("Role"),
        logs.strip_suffix("Logs"),
        "a role and a log of its own"
    );
    let role = &template["Resources"][role]["Properties"];
    let trust = serde_norway::to_string(&role["AssumeRolePolicyDocument"]["Statement"]).unwrap();
    assert_eq!(
        trust,
        "- Effect: Allow\n  Principal:\n    Service: lambda.amazonaws.com\n  Action: sts:AssumeRole\n"
    );
    let managed = untagged(&role["ManagedPolicyArns"]).as_sequence().unwrap();
    assert_eq!(text(&managed[0]), "TraceAccess");
    assert_eq!(
        texts(&managed[1]),
        ["HasTableKey", "TableKeyAccess", "AWS::NoValue"]
    );
    assert_eq!(managed.len(), 2);
    let policies = untagged(&role["Policies"]).as_sequence().unwrap();
    assert_eq!(policies.len(), 1);
    let document = &policies[0]["PolicyDocument"];
    // IAM takes 10,240 characters a role, in which the names of tables and functions come to stand.
    let length = serde_json::to_string(document).unwrap().len();
    assert!(length < 9_000, "{role:?} has {length} characters");

    let all = document["Statement"].as_sequence().unwrap();
    let (log, tables) = all.split_first().unwrap();
    assert_eq!(
        texts(&log["Action"]),
        ["logs:CreateLogStream", "logs:PutLogEvents"]
    );
    assert_eq!(text(&log["Resource"]), format!("{logs}.Arn"));
    let sources = entries(&properties["Events"]);
    let feeds = sources
        .iter()
        .find(|(_, source)| text(&source["Type"]) == "DynamoDB");
    let tables = match feeds {
        Some((_, source)) => behind_the_stream(tables, &source["Properties"]),
        None => tables,
    };
    tables.iter().map(statement).collect()
}

/// What Lambda does in the name of a function that a stream feeds: read this one stream, and point at what was given up.
/// The answer is what of the statements is the function's own.
fn behind_the_stream<'a>(statements: &'a [Value], source: &Value) -> &'a [Value] {
    let (of_stream, tables) = statements.split_at(3);
    let letters = resource(&source["DestinationConfig"]["OnFailure"]["Destination"]);
    let found: Vec<(Vec<String>, String)> = of_stream
        .iter()
        .map(|statement| {
            assert_eq!(text(&statement["Effect"]), "Allow");
            (
                texts(&statement["Action"]),
                resource(&statement["Resource"]).replace("ResourcesStream", "ResourcesTable/stream"),
            )
        })
        .collect();
    let expected = [
        (
            "dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator",
            "ResourcesTable/stream",
        ),
        ("dynamodb:ListStreams", "ResourcesTable/stream/*"),
        ("sqs:SendMessage", letters.as_str()),
    ]
    .map(|(actions, on)| (actions.split(' ').map(str::to_owned).collect(), on.to_owned()));
    assert_eq!(found, expected);
    tables
}

fn statement(statement: &Value) -> Statement {
    let sid = text(&statement["Sid"]);
    assert_eq!(text(&statement["Effect"]), "Allow");
    // A bus has no rows.
    if text(&statement["Resource"]) == "EventBus.Arn" {
        let actions = texts(&statement["Action"]).into_iter();
        return Statement {
            sid,
            actions: actions
                .map(|action| action.strip_prefix("events:").unwrap().to_owned())
                .collect(),
            resource: "EventBus".to_owned(),
            leading_keys: vec!["*".to_owned()],
            only_in_transactions: false,
            only_attributes: None,
        };
    }
    let condition = &statement["Condition"];
    let keys = &condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
    let enclosing = condition
        .get("ForAnyValue:StringEquals")
        .and_then(|c| c.get("dynamodb:EnclosingOperation"));
    let attributes = condition
        .get("ForAllValues:StringEquals")
        .and_then(|c| c.get("dynamodb:Attributes"))
        .map(texts);
    let actions: Vec<String> = texts(&statement["Action"])
        .into_iter()
        .map(|action| action.strip_prefix("dynamodb:").unwrap().to_owned())
        .collect();
    let null: Vec<(String, String)> = entries(&condition["Null"])
        .into_iter()
        .map(|(key, value)| (key, text(value)))
        .collect();
    let demanded = |key: &str| null.contains(&(key.to_owned(), "false".to_owned()));
    assert!(
        demanded("dynamodb:LeadingKeys"),
        "{sid}: no keys at all would pass"
    );
    assert!(
        attributes.is_none() || demanded("dynamodb:Attributes"),
        "{sid}: no attributes at all would pass"
    );
    assert!(
        attributes.is_some() || actions.iter().all(|action| is_read(action)),
        "{sid}: a write to every attribute"
    );
    Statement {
        sid,
        actions,
        resource: resource(&statement["Resource"]),
        leading_keys: texts(keys),
        only_in_transactions: enclosing.is_some_and(|list| texts(list) == ["TransactWriteItems"]),
        only_attributes: attributes,
    }
}

/// `ResourcesTable` of `!GetAtt ResourcesTableArn.Value`, `ResourcesTable/index/listing` of its `!Sub`.
fn resource(value: &Value) -> String {
    let plain = text(value).replace("${", "").replace('}', "");
    plain.replace("Arn.Value", "").replace(".Arn", "")
}

/// What a call does, in the terms of policies.
fn uses(call: &Call) -> Vec<Use> {
    let body = &call.body;
    let read = |action: &str, resource: &str, key: &Json| Use {
        action: action.to_owned(),
        resource: resource.to_owned(),
        key: key["S"].as_str().unwrap().to_owned(),
        in_transaction: false,
        returns_row: false,
        attributes: BTreeSet::new(),
    };
    match call.operation.as_str() {
        "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().unwrap();
            let keys = |request: &Json| request["Keys"].as_array().unwrap().clone();
            let all = tables
                .iter()
                .flat_map(|(name, request)| keys(request).into_iter().map(move |key| (table(name), key)));
            all.map(|(resource, key)| read("BatchGetItem", resource, &key["pk"]))
                .collect()
        }
        "Query" => {
            let table = table(body["TableName"].as_str().unwrap());
            let resource = match body["IndexName"].as_str() {
                Some(index) => format!("{table}/index/{index}"),
                None => table.to_owned(),
            };
            let (_, hash) = body["KeyConditionExpression"]
                .as_str()
                .and_then(|condition| condition.split(" AND ").next()?.split_once(" = "))
                .unwrap();
            vec![read("Query", &resource, &body["ExpressionAttributeValues"][hash])]
        }
        "GetItem" => {
            let table = table(body["TableName"].as_str().unwrap());
            vec![read("GetItem", table, &body["Key"]["pk"])]
        }
        "PutEvents" => {
            let entries = body["Entries"].as_array().unwrap();
            let buses = entries
                .iter()
                .map(|entry| entry["EventBusName"].as_str().unwrap());
            buses
                .map(|bus| {
                    assert_eq!(bus, BUS, "an unknown bus");
                    read("PutEvents", "EventBus", &json!({"S": bus}))
                })
                .collect()
        }
        // Lambda's own, in place of which the local server reads the stream.
        "ListStreams" | "DescribeStream" | "GetShardIterator" | "GetRecords" => Vec::new(),
        action @ ("PutItem" | "UpdateItem" | "DeleteItem") => vec![write(action, body, false)],
        "TransactWriteItems" => {
            let items = body["TransactItems"].as_array().unwrap();
            let writes = items.iter().flat_map(|item| item.as_object().unwrap());
            writes
                .map(|(kind, body)| match kind.as_str() {
                    "ConditionCheck" => write("ConditionCheckItem", body, true),
                    "Update" => write("UpdateItem", body, true),
                    "Delete" => write("DeleteItem", body, true),
                    "Put" => write("PutItem", body, true),
                    kind => panic!("an unknown write {kind}"),
                })
                .collect()
        }
        operation => panic!("no function may call {operation}"),
    }
}

/// A table's name in the template.
fn table(name: &str) -> &'static str {
    let names = table_names();
    match name {
        name if name == names.resources => "ResourcesTable",
        name if name == names.identity => "IdentityTable",
        name if name == names.history => "HistoryTable",
        name => panic!("an unknown table {name}"),
    }
}

fn write(action: &str, body: &Json, in_transaction: bool) -> Use {
    let row = if action == "PutItem" {
        &body["Item"]
    } else {
        &body["Key"]
    };
    let mut attributes: BTreeSet<String> = row.as_object().unwrap().keys().cloned().collect();
    let returned = ["ReturnValues", "ReturnValuesOnConditionCheckFailure"].map(|name| body[name].as_str());
    for expression in ["UpdateExpression", "ConditionExpression"] {
        if let Some(expression) = body[expression].as_str() {
            attributes.extend(named_in(expression, &body["ExpressionAttributeNames"]));
        }
    }
    Use {
        action: action.to_owned(),
        resource: table(body["TableName"].as_str().unwrap()).to_owned(),
        key: row["pk"]["S"].as_str().unwrap().to_owned(),
        in_transaction,
        returns_row: returned.into_iter().flatten().any(|what| what != "NONE"),
        attributes,
    }
}

/// The words of DynamoDB's expressions that name no attribute. No attribute here is called like one of them.
const WORDS: [&str; 17] = [
    "SET",
    "REMOVE",
    "ADD",
    "DELETE",
    "AND",
    "OR",
    "NOT",
    "BETWEEN",
    "IN",
    "if_not_exists",
    "list_append",
    "attribute_exists",
    "attribute_not_exists",
    "attribute_type",
    "begins_with",
    "contains",
    "size",
];

/// The top-level attributes that an expression names, by themselves or through a `#placeholder`.
fn named_in(expression: &str, placeholders: &Json) -> BTreeSet<String> {
    let part_of_a_path = |c: char| c.is_ascii_alphanumeric() || "_#:.[]".contains(c);
    expression
        .split(|c| !part_of_a_path(c))
        // Of `a.b[0]` it is `a` that counts; `:value` is none.
        .filter_map(|path| path.split(['.', '[']).next())
        .filter(|name| !name.is_empty() && !name.starts_with(':'))
        .filter(|name| !WORDS.iter().any(|word| word.eq_ignore_ascii_case(name)))
        .map(|name| match name.strip_prefix('#') {
            Some(_) => placeholders[name]
                .as_str()
                .unwrap_or_else(|| panic!("{name} is not given")),
            None => name,
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_attributes_of_an_expression_are_found() {
    let names = json!({"#by": "by", "#attempts": "code_attempts"});
    let found = |expression: &str| Vec::from_iter(named_in(expression, &names));
    assert_eq!(
        found("SET rev=:next, #by = :by, #attempts = if_not_exists(#attempts, :none) + :one REMOVE a.b[0],c"),
        ["a", "by", "c", "code_attempts", "rev"]
    );
    assert_eq!(
        found("rev = :seen and (attribute_not_exists(#by.actor) OR size(x) <= :n AND NOT y IN (:a, :b))"),
        ["by", "rev", "x", "y"]
    );
}

/// What every function does over the whole of its contract, as the store's endpoint sees it.
#[expect(
    clippy::too_many_lines,
    reason = "one call after the other, function by function"
)]
async fn recorded() -> BTreeMap<&'static str, BTreeSet<Use>> {
    let world = World::with(people_with_an_operator(), true).await;
    let proxy = world.proxy.clone().unwrap();
    let mut all: BTreeMap<&'static str, BTreeSet<Use>> = BTreeMap::new();
    let mut note = |function: &'static str| {
        all.entry(function)
            .or_default()
            .extend(proxy.calls().iter().flat_map(uses));
        proxy.forget();
    };
    let body = |value: Json| value.to_string();

    // Strangers first, and then the same from where they are known by now.
    let alice = world.sdm("alice").await;
    world.sdm("alice").await;
    world.netwrix("admin").await;
    world.wait(30);
    let bearer = world.netwrix("admin").await;
    world.user_token(&bearer).await;
    let first = world.first_factor("alice").await;
    world.second_step(&first, "12345").await;
    world.aktion_login("admin", &api_key("admin")).await;
    world.sdm("bob").await.logout().await;
    note("sign-in");
    world.wait(60);
    alice.action("ID5", "Lock").await;
    alice.action("ID5", "Unlock").await;
    note("lock-device");
    world.wait(60);
    alice.get("/ID5").await;
    world.wait(60);
    alice.get("").await;
    note("devices");
    let token = world.aktion("admin").await;
    proxy.forget();
    world.lock_user_by(&token, "mona", 1).await;
    world.lock_user_by(&token, "mona", 0).await;
    // Free already: a touch.
    world.lock_user_by(&token, "mona", 0).await;
    note("lock-user");
    world
        .send(
            world
                .http
                .get(world.url(&format!("/user/get?LoginName=bob&Token={token}"))),
        )
        .await;
    note("users");
    let (one, two) = (session_id(1), session_id(2));
    let lock = |ids: &[&str], locked: bool| json!({"activitySessionIds": ids, "locked": locked, "lockActivity": true, "lockResource": true, "lockUser": true});
    for request in [
        lock(&[&one], true),
        lock(&[&one, &two], true),
        lock(&[&one, &two], false),
    ] {
        assert_eq!(world.lock_sessions(&bearer, request).await.status, 200);
    }
    note("lock-activity-sessions");
    for resource in [
        json!({"managedResourceId": DB01}),
        json!({"managedResourceName": "db01"}),
    ] {
        let mut wanted = resource;
        wanted["activityName"] = json!("RDP");
        wanted["note"] = json!("ticket 7");
        assert_eq!(
            world
                .open_session(&bearer, serde_json::from_str(&body(wanted)).unwrap())
                .await
                .status,
            201
        );
    }
    world.get_session(&bearer, "").await;
    world.get_session(&bearer, &format!("/{one}")).await;
    assert_eq!(world.end_session(&bearer, &two).await.status, 202);
    note("activity-sessions");
    let people = (world.bearer("ada").await, world.aktion("ada").await);
    proxy.forget();
    hold_and_release(&world, &people).await;
    note("hold-lock");
    let held = hold_all(&world, &people.0, json!({})).await;
    proxy.forget();
    see(&world, &people).await;
    note("locks");
    world.wait(30);
    let operator = world.netwrix("admin").await;
    let machine = world.aktion("ada").await;
    proxy.forget();
    break_all(&world, &[&machine, &operator], "free", &held).await;
    note("break-lock");
    for path in ["/docs", "/docs/copy.js", "/openapi.json", "/nowhere"] {
        world.send(world.http.get(world.url(path))).await;
    }
    note("docs");
    let held = hold_all(&world, &people.0, json!({})).await;
    proxy.forget();
    break_all(&world, &[&operator], "take", &held).await;
    note("break-lock");
    for (_, target) in targets() {
        let answer = Locks::with(&world, &operator).release(&target).await;
        assert_eq!(answer.status, 200, "{target}: {answer}");
    }
    // A lease that has run out is cleared.
    let held = hold_all(&world, &people.0, json!({"seconds": 1})).await;
    world.wait(1);
    proxy.forget();
    break_all(&world, &[&operator], "free", &held).await;
    // A pair that was never locked.
    let (pair, body) = (format!("access/{WEB01}:mona"), json!({"fence": 0, "reason": "?"}));
    let answer = Locks::with(&world, &operator).break_lock(&pair, body).await;
    assert_eq!(answer.status, 200, "{answer}");
    note("break-lock");
    record_history(&world).await;
    note("record-history");
    world.wait(30);
    let (admin, machine) = (world.netwrix("admin").await, world.aktion("ada").await);
    proxy.forget();
    for (token, status) in [(admin, 200), (machine, 403)] {
        let of_targets = targets().map(|(kind, target)| {
            let id = target.strip_prefix(&format!("{kind}/")).unwrap();
            format!("kind={kind}&id={id}")
        });
        for query in of_targets
            .into_iter()
            .chain(["actor=alice".to_owned(), "from=2026-11-22T00:00:00Z".to_owned()])
        {
            let request = world.http.get(world.url(&format!("/history?{query}")));
            let answer = world.send(request.bearer_auth(&token)).await;
            assert_eq!(answer.status, status, "{query}: {answer}");
        }
    }
    note("history");
    all.insert(PublishEvents::NAME, publish_events(&world).await);
    all
}

/// Writes the history of all that has happened, through the proxy, and of a row that cannot be understood.
async fn record_history(world: &World) {
    let server = Server::start(Options {
        dynamodb: Some(world.endpoint().to_owned()),
        history: HistorySource::Endpoint(world.proxy.as_ref().unwrap().endpoint().to_owned()),
        keys: Some(Keys::parse(SECOND_FACTOR_KEY).unwrap()),
        ..Options::default()
    })
    .await
    .unwrap();
    let name = world.store.table_name(Table::Resources);
    let put = world.store.client().put_item().table_name(name);
    let put = put.item("pk", AttributeValue::S("device/1/poison".to_owned()));
    put.send().await.unwrap();
    let is_raw = |row: &holdfast::store::Item| row["sk"] == AttributeValue::S("raw".to_owned());
    // It comes last.
    while !world.rows(Table::History).await.iter().any(is_raw) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    server.stop().await;
}

/// The bus that the events are put on.
const BUS: &str = "holdfast-dev";

/// What is done to publish all that has happened: `PutEvents` alone, for the function is given no store.
async fn publish_events(world: &World) -> BTreeSet<Use> {
    let bus = Bus::start().await;
    let function = PublishEvents::new(
        EventBus::new(&local_sdk(), Some(bus.endpoint()), BUS.to_owned()),
        "holdfast-dev".to_owned(),
    );
    let streams = Streams::new(
        world.endpoint().to_owned(),
        world.store.table_name(Table::Resources),
    );
    let page = streams.read(None).await.unwrap();
    let answer = consume(&function, &to_raw_value(&page.batch).unwrap()).await;
    assert_eq!(answer.unwrap(), BatchAnswer::default());
    let made = bus.calls().into_iter().map(|body| Call::of("PutEvents", body));
    made.flat_map(|call| uses(&call)).collect()
}

/// The tokens of someone who may hold everything: a person's and a machine's.
type Tokens = (String, String);

async fn hold_and_release(world: &World, (person, machine): &Tokens) {
    for token in [person, machine] {
        let locks = Locks::with(world, token);
        for (_, target) in targets() {
            // Free already: a touch, which makes the row of a pair that was never locked.
            assert_eq!(locks.release(&target).await.status, 200, "{target}");
            let lease = json!({"seconds": 60, "title": "a", "message": "b"});
            assert_eq!(locks.hold(&target, lease).await.status, 201, "{target}");
            assert_eq!(locks.hold(&target, json!({})).await.status, 200, "{target}");
            assert_eq!(
                locks.hold(&target, json!({"seconds": 90})).await.status,
                200,
                "{target}"
            );
            assert_eq!(locks.release(&target).await.status, 200, "{target}");
        }
    }
}

async fn see(world: &World, (person, machine): &Tokens) {
    for token in [person, machine] {
        let locks = Locks::with(world, token);
        let mut held = Vec::new();
        for (kind, target) in targets() {
            for query in [format!("?kind={kind}"), format!("?kind={kind}&owner=me")] {
                let answer = locks.list(&query).await;
                assert_eq!(answer.json()["locks"].as_array().unwrap().len(), 1, "{answer}");
            }
            let answer = locks.read(&target).await;
            assert_eq!(answer.status, 200, "{target}: {answer}");
            held.push(json!({"kind": kind, "id": answer.json()["id"], "fence": answer.json()["fence"]}));
        }
        let answer = locks.check(&json!(held)).await;
        assert_eq!(
            answer.json()["current"],
            json!([true, true, true, true]),
            "{answer}"
        );
    }
}

/// Takes every target: the fences.
async fn hold_all(world: &World, token: &str, body: Json) -> Vec<Json> {
    let mut fences = Vec::new();
    for (_, target) in targets() {
        let answer = Locks::with(world, token).hold(&target, body.clone()).await;
        assert_eq!(answer.status, 201, "{target}: {answer}");
        fences.push(answer.json()["lock"]["fence"].clone());
    }
    fences
}

/// Breaks every lock, and once more, by each of the callers: a machine may not, and the break that has been made is
/// answered again.
async fn break_all(world: &World, callers: &[&String], then: &str, held: &[Json]) {
    for token in callers {
        for ((_, target), fence) in targets().iter().zip(held) {
            // The old owner may come back at once.
            let body = json!({"fence": fence, "reason": "on leave", "then": then, "holdOffSeconds": 0});
            let locks = Locks::with(world, *token);
            let statuses = [
                locks.break_lock(target, body.clone()).await.status,
                locks.break_lock(target, body).await.status,
            ];
            let is_last = Some(token) == callers.last();
            assert_eq!(statuses, if is_last { [200; 2] } else { [403; 2] }, "{target}");
        }
    }
}

/// The read that opens connections in INIT. It is no request's, so no request shows it.
fn warm_up() -> Use {
    Use {
        action: "BatchGetItem".to_owned(),
        resource: "IdentityTable".to_owned(),
        key: format!("session/{}", "0".repeat(64)),
        in_transaction: false,
        returns_row: false,
        attributes: BTreeSet::new(),
    }
}

/// What of the two does not fit: what a function does and may not, and what it may and never does.
fn misfits(statements: &[Statement], used: &BTreeSet<Use>) -> Vec<String> {
    let mut misfits = Vec::new();
    for one in used {
        if !statements.iter().any(|statement| statement.allows_any(one)) {
            let ways = statements.iter().filter_map(|statement| statement.lacks(one));
            misfits.push(match ways.min_by_key(Vec::len) {
                Some(lacking) if !lacking.is_empty() => format!(
                    "{} on {} for {} names {lacking:?}, which no statement allows",
                    one.action, one.resource, one.key
                ),
                _ => format!("no statement allows {one:?}"),
            });
        }
    }
    for statement in statements {
        for (action, pattern) in statement.grants() {
            let made: Vec<&Use> = used
                .iter()
                .filter(|one| statement.allows(action, pattern, one))
                .collect();
            if made.is_empty() {
                misfits.push(format!("{}: {action} for {pattern} is never used", statement.sid));
                continue;
            }
            for name in statement.only_attributes.iter().flatten() {
                if !made.iter().any(|one| one.attributes.contains(name)) {
                    misfits.push(format!(
                        "{}: {action} for {pattern} never names {name}",
                        statement.sid
                    ));
                }
            }
            // What a write returns, or tells of the row that made it fail, is no more than a read would.
            let read = |other: &Statement| {
                other.resource == statement.resource
                    && other
                        .actions
                        .iter()
                        .any(|action| ["BatchGetItem", "GetItem"].contains(&action.as_str()))
                    && other.leading_keys.contains(pattern)
            };
            // A record that is kept raw is written blindly.
            let is_blind = (pattern == "raw/*" && made.iter().all(|one| !one.returns_row))
                || statement.resource == "EventBus";
            if !is_read(action) && !is_blind && !statements.iter().any(read) {
                misfits.push(format!(
                    "{}: {pattern} is written and may not be read",
                    statement.sid
                ));
            }
        }
    }
    misfits
}

#[tokio::test]
async fn every_role_allows_what_its_function_does_and_nothing_else() {
    let template = template();
    let recorded = recorded().await;
    let roles: Vec<(String, Vec<Statement>, BTreeSet<Use>)> = functions(&template)
        .into_iter()
        .map(|(name, function)| {
            let mut used = recorded[name.as_str()].clone();
            let reaches_no_store = FUNCTIONS
                .iter()
                .any(|function| function.name == name && function.connections == 0);
            if name != PublishEvents::NAME && !reaches_no_store {
                used.insert(warm_up());
            }
            (name, statements(&template, function), used)
        })
        .collect();
    let mut all = Vec::new();
    for (name, statements, used) in &roles {
        let of_one = misfits(statements, used);
        all.extend(of_one.into_iter().map(|misfit| format!("{name}: {misfit}")));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
    for (_, statements, used) in &roles {
        every_change_of_the_attributes_is_seen(statements, used);
    }
}

/// The comparison itself: one attribute too few, or one too many, in any statement.
fn every_change_of_the_attributes_is_seen(statements: &[Statement], used: &BTreeSet<Use>) {
    let with = |place: usize, attributes: Vec<String>| {
        let mut changed = statements.to_vec();
        changed[place].only_attributes = Some(attributes);
        misfits(&changed, used)
    };
    for (place, statement) in statements.iter().enumerate() {
        let Some(attributes) = &statement.only_attributes else {
            continue;
        };
        let sid = &statement.sid;
        for name in attributes {
            let fewer = attributes
                .iter()
                .filter(|other| *other != name)
                .cloned()
                .collect();
            assert!(!with(place, fewer).is_empty(), "{sid} without {name} is not seen");
        }
        let more = [attributes.clone(), vec!["record_group".to_owned()]].concat();
        assert!(
            !with(place, more).is_empty(),
            "{sid} with record_group is not seen"
        );
    }
}

/// An alarm for each function, a log group with retention, and its place among those that may be throttled.
#[test]
fn every_function_is_watched() {
    let template = template();
    let throttled = text(&template["Resources"]["Throttles"]["Properties"]["Metrics"][0]["Expression"]);
    for (logical, resource) in entries(&template["Resources"]) {
        if text(&resource["Type"]) != "AWS::Serverless::Function" {
            continue;
        }
        let logs = &template["Resources"][format!("{logical}Logs").as_str()]["Properties"];
        assert_eq!(text(&logs["RetentionInDays"]), "LogRetentionDays", "{logical}");
        let alarm = &template["Resources"][format!("{logical}Errors").as_str()]["Properties"];
        assert_eq!(text(&alarm["Dimensions"][0]["Value"]), logical);
        assert!(
            throttled.contains(&format!("FunctionName = '${{{logical}}}'")),
            "Throttles leaves {logical} out"
        );
    }
}

/// The dashboard finds the functions by the stack's name, which their own begin with, so that none is forgotten.
#[test]
fn the_dashboard_shows_every_function_that_there_will_be() {
    let template = template();
    let body = text(&template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]);
    let body: Json = serde_json::from_str(&body).unwrap();
    let shown: Vec<&Json> = body["widgets"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|widget| widget["properties"]["metrics"].as_array().unwrap())
        .collect();
    let named: Vec<_> = shown.iter().filter(|metric| metric[0] == "AWS/Lambda").collect();
    assert!(named.is_empty(), "functions by name: {named:?}");
    for (metric, statistic) in [("Errors", "Sum"), ("Throttles", "Sum"), ("Duration", "p99")] {
        let search = format!(
            "SEARCH('{{AWS/Lambda,FunctionName}} FunctionName=${{AWS::StackName}} MetricName=\"{metric}\"', '{statistic}', 60)"
        );
        assert!(
            shown
                .iter()
                .any(|shown| shown[0]["expression"] == search.as_str()),
            "{search}"
        );
    }
    for (logical, resource) in entries(&template["Resources"]) {
        if text(&resource["Type"]) == "AWS::Serverless::Function" {
            let name = resource["Properties"].get("FunctionName");
            assert!(
                name.is_none(),
                "{logical} has a name that the search does not find"
            );
        }
    }
}

/// CloudWatch's own limits, which the linters do not know.
#[test]
fn no_alarm_has_more_metrics_than_an_alarm_takes() {
    let template = template();
    let mut alarms = 0;
    for (logical, resource) in entries(&template["Resources"]) {
        if text(&resource["Type"]) != "AWS::CloudWatch::Alarm" {
            continue;
        }
        alarms += 1;
        let Some(queries) = resource["Properties"].get("Metrics") else {
            continue;
        };
        let queries = untagged(queries).as_sequence().unwrap();
        let metrics = queries.iter().filter(|query| query.get("MetricStat").is_some());
        let metrics = metrics.count();
        assert!(
            metrics <= 10,
            "{logical} has {metrics} metrics; an alarm takes 10"
        );
        let expressions = queries.len() - metrics;
        assert!(
            expressions <= 10,
            "{logical} has {expressions} expressions; an alarm takes 10"
        );
    }
    assert!(alarms > FUNCTIONS.len());
}

#[test]
fn what_is_counted_is_watched_and_shown_for_this_stack_alone() {
    let template = template();
    let mut outcomes = Vec::new();
    for (logical, resource) in entries(&template["Resources"]) {
        let alarm = &resource["Properties"];
        if text(&resource["Type"]) != "AWS::CloudWatch::Alarm"
            || alarm.get("MetricName").map(text).as_deref() != Some("Count")
            || text(&alarm["Namespace"]) != "Holdfast"
        {
            continue;
        }
        let dimensions = alarm["Dimensions"].as_sequence().unwrap();
        let names: Vec<String> = dimensions.iter().map(|one| text(&one["Name"])).collect();
        assert_eq!(names, ["Stack", "Operation", "Outcome"], "{logical}");
        assert_eq!(text(&dimensions[0]["Value"]), "AWS::StackName", "{logical}");
        outcomes.push(text(&dimensions[2]["Value"]));
    }
    assert_eq!(
        outcomes,
        [
            "second_factor_guessing",
            "sign_in_failed",
            "lock_broken",
            "lock_rescued"
        ]
    );
    let dashboard = text(&template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]);
    assert!(dashboard.contains(
        r#"SEARCH('{Holdfast,Stack,Operation,Outcome} Stack=\"${AWS::StackName}\" MetricName=\"Count\"'"#
    ));
}
