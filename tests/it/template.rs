//! `template.yaml`, the code and `events/` agree: routes, tables, variables, and what each function may do, which is
//! exactly what it does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use holdfast::config;
use holdfast::store::{IDENTITY, RESOURCES, TableDefinition};
use holdfast_local::{FUNCTIONS, table_names};
use holdfast_tests::{Call, DB01, World, api_key, session_id};
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
    let names: BTreeSet<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
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
                format!("{} {}", text(&properties["Method"]), text(&properties["Path"]))
            })
            .collect();
        let served: BTreeSet<String> = function
            .routes
            .iter()
            .map(holdfast::runtime::Route::key)
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
        let function = FUNCTIONS.iter().find(|known| known.name == function);
        let function = function.unwrap_or_else(|| panic!("{name} is no function's event"));
        let key = event["routeKey"].as_str().unwrap();
        assert!(
            function.route(key).is_some(),
            "{name}: {} does not serve {key}",
            function.name
        );
        assert_eq!(event["requestContext"]["routeKey"], key, "{name}");
    }
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
        let function = FUNCTIONS
            .iter()
            .map(|f| f.name)
            .find(|name| cell.starts_with(&format!(" `{name}--")));
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
    let read: BTreeSet<String> = config::VARIABLES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(set, read);
    for (name, function) in functions(&template) {
        assert!(
            function["Properties"].get("Environment").is_none(),
            "{name} has variables of its own"
        );
    }
}

#[test]
fn both_tables_are_what_the_local_server_creates() {
    let template = template();
    for (logical, definition) in [("ResourcesTable", &RESOURCES), ("IdentityTable", &IDENTITY)] {
        table_is(&template["Resources"][logical]["Properties"], definition);
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
    assert_eq!(
        keys(&properties["KeySchema"]),
        [key(definition.partition_key, "HASH")]
    );
    let mut attributes: BTreeSet<String> = BTreeSet::from([definition.partition_key.to_owned()]);
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
        assert_eq!(text(&index["Projection"]["ProjectionType"]), "KEYS_ONLY");
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
    let throttled: BTreeSet<String> = entries(settings).into_iter().map(|(route, _)| route).collect();
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
    assert_eq!(throttled, tried);
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
            for (route, settings) in entries(settings) {
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
    /// `ResourcesTable`, `IdentityTable` or an index of theirs.
    resource: String,
    key: String,
    in_transaction: bool,
    attributes: BTreeSet<String>,
}

/// What a statement of a policy allows.
#[derive(Debug)]
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
        let key = pattern
            .strip_suffix('*')
            .is_some_and(|prefix| used.key.starts_with(prefix));
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
        self.actions.iter().any(|action| {
            self.leading_keys
                .iter()
                .any(|pattern| self.allows(action, pattern, used))
        })
    }
}

fn statements(function: &Value) -> Vec<Statement> {
    let policies = untagged(&function["Properties"]["Policies"])
        .as_sequence()
        .unwrap();
    policies
        .iter()
        .filter_map(|policy| policy.get("Statement"))
        .flat_map(|list| list.as_sequence().unwrap())
        .map(|statement| {
            let condition = &statement["Condition"];
            let keys = &condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
            let enclosing = condition
                .get("ForAnyValue:StringEquals")
                .and_then(|c| c.get("dynamodb:EnclosingOperation"));
            let attributes = condition
                .get("ForAllValues:StringEquals")
                .and_then(|c| c.get("dynamodb:Attributes"));
            assert_eq!(text(&statement["Effect"]), "Allow");
            assert_eq!(
                text(&condition["Null"]["dynamodb:LeadingKeys"]),
                "false",
                "no keys at all would pass"
            );
            Statement {
                sid: text(&statement["Sid"]),
                actions: texts(&statement["Action"])
                    .into_iter()
                    .map(|action| action.strip_prefix("dynamodb:").unwrap().to_owned())
                    .collect(),
                resource: resource(&statement["Resource"]),
                leading_keys: texts(keys),
                only_in_transactions: enclosing.is_some_and(|list| texts(list) == ["TransactWriteItems"]),
                only_attributes: attributes.map(texts),
            }
        })
        .collect()
}

/// `ResourcesTable` of `!GetAtt ResourcesTable.Arn`, `ResourcesTable/index/listing` of its `!Sub`.
fn resource(value: &Value) -> String {
    text(value).replace("${", "").replace('}', "").replace(".Arn", "")
}

/// What a call does, in the terms of policies.
fn uses(call: &Call) -> Vec<Use> {
    let names = table_names();
    let table = |name: &Json| match name.as_str().unwrap() {
        name if name == names.resources => "ResourcesTable".to_owned(),
        name if name == names.identity => "IdentityTable".to_owned(),
        name => panic!("an unknown table {name}"),
    };
    let key = |row: &Json| row["pk"]["S"].as_str().unwrap().to_owned();
    let used = |action: &str, resource: String, key: String, in_transaction: bool| Use {
        action: action.to_owned(),
        resource,
        key,
        in_transaction,
        attributes: BTreeSet::new(),
    };
    let body = &call.body;
    match call.operation.as_str() {
        "BatchGetItem" => body["RequestItems"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(name, request)| {
                let resource = table(&json!(name));
                let keys = request["Keys"].as_array().unwrap().clone();
                keys.into_iter()
                    .map(move |row| used("BatchGetItem", resource.clone(), key(&row), false))
            })
            .collect(),
        "Query" => {
            let resource = format!(
                "{}/index/{}",
                table(&body["TableName"]),
                body["IndexName"].as_str().unwrap()
            );
            let shard = body["ExpressionAttributeValues"][":shard"]["S"]
                .as_str()
                .unwrap()
                .to_owned();
            vec![used("Query", resource, shard, false)]
        }
        "PutItem" => {
            let mut put = used("PutItem", table(&body["TableName"]), key(&body["Item"]), false);
            put.attributes = body["Item"].as_object().unwrap().keys().cloned().collect();
            vec![put]
        }
        action @ ("UpdateItem" | "DeleteItem") => {
            vec![used(action, table(&body["TableName"]), key(&body["Key"]), false)]
        }
        "TransactWriteItems" => body["TransactItems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| {
                let (kind, write) = item.as_object().unwrap().iter().next().unwrap();
                let (action, row) = match kind.as_str() {
                    "ConditionCheck" => ("ConditionCheckItem", &write["Key"]),
                    "Update" => ("UpdateItem", &write["Key"]),
                    "Delete" => ("DeleteItem", &write["Key"]),
                    "Put" => ("PutItem", &write["Item"]),
                    kind => panic!("an unknown write {kind}"),
                };
                let mut one = used(action, table(&write["TableName"]), key(row), true);
                if kind == "Put" {
                    one.attributes = write["Item"].as_object().unwrap().keys().cloned().collect();
                }
                one
            })
            .collect(),
        operation => panic!("no function may call {operation}"),
    }
}

/// What every function does over the whole of its contract, as the store's endpoint sees it.
async fn recorded() -> BTreeMap<&'static str, BTreeSet<Use>> {
    let world = World::behind_proxy().await;
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
    assert_eq!(world.end_session(&bearer, &one).await.status, 202);
    note("activity-sessions");
    all
}

/// The read that opens connections in INIT. It is no request's, so no request shows it.
fn warm_up() -> Use {
    Use {
        action: "BatchGetItem".to_owned(),
        resource: "IdentityTable".to_owned(),
        key: format!("session/{}", "0".repeat(64)),
        in_transaction: false,
        attributes: BTreeSet::new(),
    }
}

#[tokio::test]
async fn every_policy_allows_what_its_function_does_and_nothing_else() {
    let template = template();
    let recorded = recorded().await;
    for (name, function) in functions(&template) {
        let mut used = recorded[name.as_str()].clone();
        used.insert(warm_up());
        let statements = statements(function);
        for one in &used {
            assert!(
                statements.iter().any(|statement| statement.allows_any(one)),
                "{name} needs {} on {} for {}, which no statement allows",
                one.action,
                one.resource,
                one.key
            );
        }
        for statement in &statements {
            for action in &statement.actions {
                for pattern in &statement.leading_keys {
                    assert!(
                        used.iter().any(|one| statement.allows(action, pattern, one)),
                        "{name} never uses {action} on {} for {pattern}, which {} allows",
                        statement.resource,
                        statement.sid
                    );
                }
            }
        }
    }
}

/// An alarm for each function, a log group with retention, and the name of each on the dashboard.
#[test]
fn every_function_is_watched() {
    let template = template();
    let resources = entries(&template["Resources"]);
    let dashboard = std::fs::read_to_string(root().join("template.yaml")).unwrap();
    let dashboard = &dashboard[dashboard.find("AWS::CloudWatch::Dashboard").unwrap()..];
    for (logical, resource) in &resources {
        if text(&resource["Type"]) != "AWS::Serverless::Function" {
            continue;
        }
        let logs = &template["Resources"][format!("{logical}Logs").as_str()]["Properties"];
        assert_eq!(text(&logs["RetentionInDays"]), "LogRetentionDays", "{logical}");
        let alarm = &template["Resources"][format!("{logical}Errors").as_str()]["Properties"];
        assert_eq!(text(&alarm["Dimensions"][0]["Value"]), *logical);
        assert!(
            dashboard.contains(&format!("${{{logical}}}")),
            "{logical} is not on the dashboard"
        );
    }
}
