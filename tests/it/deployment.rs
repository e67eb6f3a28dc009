//! What `template.yaml` may be deployed as: every combination of its conditions comes to a whole stack, and a mistake in
//! the parameters is refused before anything is made.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use holdfast::failure::Failure;
use holdfast_tests::Template;
use serde_json::{Value as Json, json};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn template() -> Template {
    Template::parse(&std::fs::read_to_string(format!("{ROOT}/template.yaml")).unwrap())
}

const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:on-call";
const CERTIFICATE: &str =
    "arn:aws:acm:eu-central-1:123456789012:certificate/1234abcd-12ab-34cd-56ef-1234567890ab";

const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:SecondFactorKeyA-1ABC-abc123";

type Parameters = &'static [(&'static str, &'static str)];

const DOMAIN: Parameters = &[
    ("DomainName", "locks.example.com"),
    ("CertificateArn", CERTIFICATE),
];
/// Tables to adopt. Each is needed.
const EXISTING: [(&str, &str); 4] = [
    ("ExistingResourcesTable", "old-resources"),
    ("ExistingResourcesStream", "2026-11-27T20:15:30.123"),
    ("ExistingIdentityTable", "old-identity"),
    ("ExistingHistoryTable", "old-history"),
];
const ADOPTED: Parameters = &[
    EXISTING[0],
    EXISTING[1],
    EXISTING[2],
    EXISTING[3],
    ("ExistingSecondFactorKeyArn", SECRET),
    ("LiveResourcesTable", "old-resources"),
    ("LiveIdentityTable", "old-identity"),
];
/// The next epoch, as the runbook of a restore deploys it: first with the API closed, then open.
const CLOSED: Parameters = &[("Maintenance", "closed"), ("FenceEpoch", "1")];
const OPENED: Parameters = &[("FenceEpoch", "1"), ("LiveEpoch", "1")];
const PROD: Parameters = &[
    ("Stage", "prod"),
    ("DeploymentType", "Canary10Percent5Minutes"),
    ("AlarmTopicArn", TOPIC),
];

type Parameter = (&'static str, &'static str);
/// The ways to choose one thing, each with the parameters that it takes.
type Choice = Vec<Vec<Parameter>>;

/// What a deployment chooses on its own, each with all that makes a difference. The first of each is the default.
fn choices() -> Vec<Vec<Vec<(&'static str, &'static str)>>> {
    let one = |name: &'static str, values: &[&'static str]| -> Vec<Vec<(&'static str, &'static str)>> {
        values.iter().map(|value| vec![(name, *value)]).collect()
    };
    vec![
        vec![vec![], ADOPTED.to_vec()],
        vec![vec![], DOMAIN.to_vec()],
        one("HostedZoneId", &["", "Z0123456789ABC"]),
        one("TruststoreUri", &["", "s3://authorities/clients.pem"]),
        one("TruststoreVersion", &["", "mVn1"]),
        one("ExecuteApiEndpoint", &["open", "closed"]),
        one("MaxReadUnits", &["0", "1000"]),
        one("MaxWriteUnits", &["0", "500"]),
        one("SecondFactorKeys", &["A", "BA", "B", "AB"]),
        one("TableKeyArn", &["", KEY]),
        one("AlarmTopicArn", &["", TOPIC]),
        one("ReservedConcurrency", &["0", "10"]),
        one("Maintenance", &["open", "closed"]),
        one("SignInThrottlingRate", &["20", "5", "10", "50", "100"]),
        one("SignInThrottlingBurst", &["40", "10", "20", "100", "200"]),
    ]
}

/// The choices by the parameters that a condition or a rule compares with each other, however many steps apart. What one
/// group chooses makes no difference to the conditions of another.
fn groups(template: &Template) -> Vec<Vec<Choice>> {
    let together = template.compared_together();
    let mut groups: Vec<(BTreeSet<&str>, Vec<_>)> = Vec::new();
    for choice in choices() {
        let mut names: BTreeSet<&str> = choice.iter().flatten().map(|(name, _)| *name).collect();
        let mut members = vec![choice];
        let near: BTreeSet<&String> = together
            .iter()
            .filter(|set| set.iter().any(|name| names.contains(name.as_str())))
            .flatten()
            .collect();
        let (joined, apart): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|(names, _)| names.iter().any(|name| near.contains(&(*name).to_owned())));
        groups = apart;
        for (more, others) in joined {
            names.extend(more);
            members.splice(0..0, others);
        }
        groups.push((names, members));
    }
    groups.into_iter().map(|(_, members)| members).collect()
}

/// Every way to choose one of each.
fn product<T: Clone>(choices: &[Vec<T>]) -> impl Iterator<Item = Vec<T>> {
    let combinations: usize = choices.iter().map(Vec::len).product();
    (0..combinations).map(|number| {
        let mut rest = number;
        let chosen = choices.iter().map(|values| {
            let value = values[rest % values.len()].clone();
            rest /= values.len();
            value
        });
        chosen.collect()
    })
}

/// A resource depends on few conditions, so it is resolved once for each combination of those.
#[test]
fn every_combination_of_the_conditions_is_a_whole_stack() {
    let template = template();
    let chosen: BTreeSet<String> = choices()
        .iter()
        .flatten()
        .flatten()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    for parameter in template.parameters_of_conditions() {
        assert!(
            chosen.contains(&parameter),
            "no choice of {parameter} is tried here"
        );
    }
    let conditions = template.names("Conditions");
    assert!(conditions.len() <= 64, "a bit for each");
    // The conditions that hold, or that matter, as bits.
    let bits = |is: &dyn Fn(&str) -> bool| {
        let set = conditions.iter().enumerate().filter(|(_, name)| is(name));
        set.fold(0_u64, |bits, (place, _)| bits | 1 << place)
    };
    let of_defaults = bits(&|condition| template.deploy(&[]).unwrap().condition(condition));
    // Of each group what it may be deployed with: the conditions that are then otherwise than by default.
    let mut whole = 1_usize;
    let allowed: Vec<Vec<(u64, Vec<Parameter>)>> = groups(&template)
        .iter()
        .map(|group| {
            let mut differences: BTreeMap<u64, Vec<(&str, &str)>> = BTreeMap::new();
            let mut count = 0;
            for parameters in product(group) {
                let parameters = parameters.concat();
                let Ok(stack) = template.deploy(&parameters) else {
                    continue;
                };
                count += 1;
                let held = bits(&|condition| stack.condition(condition));
                differences.entry(held ^ of_defaults).or_insert(parameters);
            }
            whole *= count;
            differences.into_iter().collect()
        })
        .collect();
    // The resources by the conditions that matter to them. To the empty name all else: tables, domain and keys.
    let mut masks: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for name in template.names("Resources") {
        let own = template.conditions_of(name);
        let mask = bits(&|condition| own.contains(condition));
        masks.entry(mask).or_default().push(name);
    }
    let of_globals =
        bits(&|condition| ["MakesTables", "HasDomain"].contains(&condition) || condition.contains("Key"));
    masks.entry(of_globals).or_default().push("");
    let mut resolved: HashSet<(u64, u64)> = HashSet::new();
    let (mut ever, mut always) = (0, u64::MAX);
    // The place of each in its group and not itself: there are a great many combinations.
    let places: Vec<Vec<usize>> = allowed.iter().map(|group| (0..group.len()).collect()).collect();
    for combination in product(&places) {
        let chosen = || {
            combination
                .iter()
                .zip(&allowed)
                .map(|(place, group)| &group[*place])
        };
        let held = chosen().fold(of_defaults, |held, (differs, _)| held ^ differs);
        ever |= held;
        always &= held;
        let new: Vec<&str> = masks
            .iter()
            .filter(|(mask, _)| resolved.insert((**mask, held & **mask)))
            .flat_map(|(_, names)| names.iter().copied())
            .collect();
        if new.is_empty() {
            continue;
        }
        let parameters: Vec<_> = chosen()
            .flat_map(|(_, parameters)| parameters.iter().copied())
            .collect();
        let stack = template.deploy(&parameters).unwrap();
        assert_eq!(
            bits(&|condition| stack.condition(condition)),
            held,
            "{parameters:?}"
        );
        for name in new {
            if name.is_empty() {
                stack.globals();
                template
                    .names("Outputs")
                    .into_iter()
                    .for_each(|name| drop(stack.output(name)));
            } else {
                stack.resource(name);
            }
        }
    }
    // With a domain: a zone or none, times an open or closed API without a truststore, and with one a version or none.
    let of_the_domain = 1 + 2 * (2 + 2);
    assert_eq!(whole, 2 * of_the_domain * 2 * 2 * 4 * 2 * 2 * 2 * 2 * 5 * 5);
    for (place, condition) in conditions.iter().enumerate() {
        assert!(ever >> place & 1 == 1, "{condition} never holds");
        assert!(always >> place & 1 == 0, "{condition} always holds");
    }
}

const AUTHORITIES: &str = "s3://authorities/clients.pem";

/// Parameters that are right, what makes them wrong, a part of what the refusal says, and what would have been right.
const MISTAKES: &[(Parameters, Parameters, &str, Parameters)] = &[
    (
        PROD,
        &[("DeletionProtection", "false")],
        "set DeletionProtection to true",
        &[],
    ),
    (
        PROD,
        &[("DeploymentType", "AllAtOnce")],
        "set DeploymentType",
        &[("DeploymentType", "Linear10PercentEvery1Minute")],
    ),
    (PROD, &[("AlarmTopicArn", "")], "set AlarmTopicArn", &[]),
    // The same is nobody's concern elsewhere.
    (
        PROD,
        &[("AlarmTopicArn", "")],
        "set AlarmTopicArn",
        &[("AlarmTopicArn", ""), ("Stage", "staging")],
    ),
    (
        &[],
        &[("DomainName", "locks.example.com")],
        "A domain needs a certificate",
        DOMAIN,
    ),
    (
        &[],
        &[("CertificateArn", CERTIFICATE)],
        "A domain needs a certificate",
        &[],
    ),
    (
        &[],
        &[("HostedZoneId", "Z0123456789ABC")],
        "no record to make",
        &[],
    ),
    (
        DOMAIN,
        &[("CertificateArn", "")],
        "A domain needs a certificate",
        &[("HostedZoneId", "Z0123456789ABC")],
    ),
    (
        &[],
        &[("ExecuteApiEndpoint", "closed")],
        "no name left",
        &[("ExecuteApiEndpoint", "open")],
    ),
    (
        DOMAIN,
        &[("TruststoreUri", AUTHORITIES)],
        "go around mutual TLS",
        &[("TruststoreUri", AUTHORITIES), ("ExecuteApiEndpoint", "closed")],
    ),
    (
        DOMAIN,
        &[("TruststoreVersion", "mVn1")],
        "a version of nothing",
        &[("ExecuteApiEndpoint", "closed")],
    ),
    (
        ADOPTED,
        &[("ExistingSecondFactorKeyArn", "")],
        "set ExistingSecondFactorKeyArn",
        &[("SecondFactorKeys", "BA")],
    ),
    (
        ADOPTED,
        &[("ExistingSecondFactorKeyArn", ""), ("SecondFactorKeys", "AB")],
        "set ExistingSecondFactorKeyArn",
        // The rotation that came after the adoption is over.
        &[("ExistingSecondFactorKeyArn", ""), ("SecondFactorKeys", "B")],
    ),
    (
        ADOPTED,
        &[
            ("ExistingIdentityTable", "old-resources"),
            ("LiveIdentityTable", "old-resources"),
        ],
        "name one table",
        &[],
    ),
    (
        ADOPTED,
        &[("ExistingHistoryTable", "old-resources")],
        "name one table",
        &[],
    ),
    (
        ADOPTED,
        &[("ExistingHistoryTable", "old-identity")],
        "name one table",
        &[],
    ),
    // Under a canary, old and new functions would write to two tables, or in two epochs.
    (
        &[
            ("Stage", "staging"),
            ("DeploymentType", "Canary10Percent5Minutes"),
        ],
        CLOSED,
        "set DeploymentType to AllAtOnce",
        &[
            ("Maintenance", "closed"),
            ("FenceEpoch", "1"),
            ("DeploymentType", "AllAtOnce"),
        ],
    ),
    // In production as well, where all else is deployed gradually.
    (
        PROD,
        CLOSED,
        "set DeploymentType to AllAtOnce",
        &[
            ("Maintenance", "closed"),
            ("FenceEpoch", "1"),
            ("DeploymentType", "AllAtOnce"),
        ],
    ),
    (PROD, &[("FenceEpoch", "1")], "The epoch changes while", OPENED),
    (&[], &[("FenceEpoch", "1")], "The epoch changes while", CLOSED),
    (OPENED, &[("FenceEpoch", "0")], "The epoch changes while", &[]),
    (
        ADOPTED,
        &[("ExistingResourcesTable", "restored")],
        "deploy ExistingResourcesTable with",
        &[("ExistingResourcesTable", "restored"), ("Maintenance", "closed")],
    ),
    (
        ADOPTED,
        &[("ExistingIdentityTable", "restored")],
        "deploy ExistingIdentityTable with",
        &[
            ("ExistingIdentityTable", "restored"),
            ("LiveIdentityTable", "restored"),
        ],
    ),
];

/// Each rule on both sides of its edge: the parameters that it refuses, in its words, and the nearest that it takes.
#[test]
fn each_rule_refuses_one_mistake_and_says_what_to_do() {
    let template = template();
    let mut said = BTreeSet::new();
    for (from, mistake, words, taken) in MISTAKES {
        let refusals = template
            .deploy(&[*from, mistake].concat())
            .err()
            .unwrap_or_default();
        assert_eq!(refusals.len(), 1, "{mistake:?}: {refusals:?}");
        assert!(refusals[0].contains(words), "{mistake:?}: {refusals:?}");
        said.extend(refusals);
        let refusals = template.deploy(&[*from, taken].concat()).err();
        assert_eq!(refusals, None, "{taken:?}");
    }
    let alone = template.deploy(&[("TruststoreUri", AUTHORITIES), ("ExecuteApiEndpoint", "closed")]);
    assert_eq!(alone.err().unwrap().len(), 2, "no domain for either");
    for missing in EXISTING {
        let rest: Vec<(&str, &str)> = EXISTING.into_iter().filter(|one| *one != missing).collect();
        let refusals = template.deploy(&rest).err().unwrap();
        assert!(
            refusals.iter().any(|words| words.contains("adopted together")),
            "without {missing:?}: {refusals:?}"
        );
        let alone = template.deploy(&[missing]).err().unwrap();
        assert!(
            alone.iter().any(|words| words.contains("adopted together")),
            "{missing:?} alone: {alone:?}"
        );
        said.extend(refusals);
    }
    assert_eq!(said, template.refusals(), "a rule that nothing here breaks");
}

type Values = &'static [&'static str];

/// A parameter, what it takes, and what it refuses.
const PATTERNS: &[(&str, (Values, Values))] = &[
    (
        "TableKeyArn",
        (
            &[
                "",
                KEY,
                "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-1234abcd",
            ],
            &[
                "1234abcd-12ab-34cd-56ef-1234567890ab",
                "arn:aws:kms:eu-central-1:123456789012:alias/locks",
            ],
        ),
    ),
    (
        "AlarmTopicArn",
        (
            &["", TOPIC],
            &[
                "on-call",
                "arn:aws:sns:eu-central-1:123456789012:on-call.fifo",
                "arn:aws:sns:eu-central-1:123456789012:on-call:1234abcd-12ab-34cd-56ef-1234567890ab",
            ],
        ),
    ),
    (
        "DomainName",
        (
            &["", "locks.example.com", "a.b-c.example.org"],
            &[
                "https://locks.example.com",
                "locks.example.com/",
                "*.example.com",
                "Locks.example.com",
                "localhost",
                "-a.example.com",
                "a_b.example.com",
            ],
        ),
    ),
    (
        "CertificateArn",
        (
            &["", CERTIFICATE],
            &[
                "arn:aws:iam::123456789012:server-certificate/locks",
                "arn:aws:acm:eu-central-1:123456789012:certificate/",
            ],
        ),
    ),
    (
        "HostedZoneId",
        (
            &["", "Z0123456789ABC"],
            &["/hostedzone/Z0123456789ABC", "example.com", "z0123456789abc"],
        ),
    ),
    (
        "TruststoreUri",
        (
            &["", "s3://authorities/prod/clients.pem"],
            &[
                "https://authorities.s3.amazonaws.com/clients.pem",
                "s3://authorities",
                "s3://authorities/",
                "s3://a/clients.pem",
                "s3://authorities/clients.pem?versionId=1",
            ],
        ),
    ),
    (
        "TruststoreVersion",
        (
            &["", "3HL4kqtJvjVBH40Nrjfkd"],
            &["3HL4kqt JvjVBH40", "?versionId=3HL4"],
        ),
    ),
    (
        "ExistingResourcesTable",
        (
            &["", "holdfast-prod-ResourcesTable-1ABC"],
            &[
                "arn:aws:dynamodb:eu-central-1:123456789012:table/old",
                "ab",
                "old table",
            ],
        ),
    ),
    (
        "ExistingResourcesStream",
        (
            &["", "2026-11-27T20:15:30.123"],
            &[
                "2026-11-27",
                "arn:aws:dynamodb:eu-central-1:123456789012:table/old/stream/2026-11-27T20:15:30.123",
            ],
        ),
    ),
    (
        "ExistingIdentityTable",
        (&["", "old.identity_1"], &["table/old", "ab"]),
    ),
    (
        "ExistingSecondFactorKeyArn",
        (
            &["", SECRET],
            &[
                "SecondFactorKeyA-1ABC",
                "{{resolve:secretsmanager:SecondFactorKeyA-1ABC}}",
                "arn:aws:kms:eu-central-1:123456789012:key/1234abcd",
            ],
        ),
    ),
    (
        "ExistingHistoryTable",
        (&["", "old-history"], &["table/old", "ab"]),
    ),
];

#[test]
fn each_pattern_takes_what_is_right_and_refuses_what_is_often_pasted_in_its_place() {
    let template = template();
    let cases: BTreeMap<&str, (Values, Values)> = PATTERNS.iter().copied().collect();
    for name in template.names("Parameters") {
        let has_pattern = template.parameter(name).get("AllowedPattern").is_some();
        assert_eq!(has_pattern, cases.contains_key(name), "{name}");
    }
    for (name, (right, wrong)) in cases {
        let words = |value: &str| format!("{name} may not be {value:?}");
        let refused = |value: &str| {
            let refusals = template.deploy(&[(name, value)]).err().unwrap_or_default();
            refusals.contains(&words(value))
        };
        for value in right {
            assert!(!refused(value), "{name} refuses {value}");
        }
        for value in wrong {
            assert!(refused(value), "{name} takes {value}");
        }
    }
}

/// Numbers on both sides of their limits.
#[test]
fn numbers_have_limits() {
    let template = template();
    for name in template.names("Parameters") {
        let parameter = template.parameter(name);
        for (limit, beyond) in [("MinValue", -1), ("MaxValue", 1)] {
            let Some(limit) = parameter.get(limit).and_then(serde_norway::Value::as_i64) else {
                continue;
            };
            // Of a closed stack, because an open one has its epoch twice.
            let takes = |number: i64| {
                let number = number.to_string();
                template
                    .deploy(&[("Maintenance", "closed"), (name, &number)])
                    .is_ok()
            };
            assert!(takes(limit), "{name} {limit}");
            assert!(!takes(limit + beyond), "{name} {limit} {beyond}");
        }
    }
}

fn policy(stack: &holdfast_tests::Stack<'_>, role: &str, sid: &str) -> Json {
    let role = stack.resource(role).unwrap();
    let statements = &role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"];
    let statements = statements.as_array().unwrap().iter();
    statements.clone().find(|one| one["Sid"] == sid).unwrap()["Resource"].clone()
}

#[test]
fn a_stack_uses_its_own_tables_or_those_that_it_adopts() {
    let template = template();
    let own = template.deploy(&[]).unwrap();
    let variables = &own.globals()["Function"]["Environment"]["Variables"];
    assert_eq!(variables["RESOURCES_TABLE"], "<ResourcesTable>");
    assert_eq!(
        policy(&own, "LockDeviceRole", "ReadSession"),
        "<IdentityTable.Arn>"
    );
    assert_eq!(
        policy(&own, "RecordHistoryRole", "ReadStream"),
        "<ResourcesTable.StreamArn>"
    );

    let adopted = template.deploy(ADOPTED).unwrap();
    for table in ["ResourcesTable", "IdentityTable", "HistoryTable"] {
        assert_eq!(adopted.resource(table), None);
    }
    let variables = &adopted.globals()["Function"]["Environment"]["Variables"];
    assert_eq!(variables["RESOURCES_TABLE"], "old-resources");
    assert_eq!(variables["IDENTITY_TABLE"], "old-identity");
    let arn = "arn:aws:dynamodb:eu-central-1:123456789012:table";
    assert_eq!(
        policy(&adopted, "LockDeviceRole", "ReadSession"),
        format!("{arn}/old-identity")
    );
    let stream = format!("{arn}/old-resources/stream/2026-11-27T20:15:30.123");
    assert_eq!(policy(&adopted, "RecordHistoryRole", "ReadStream"), stream);
    assert_eq!(
        policy(&adopted, "RecordHistoryRole", "ListStreams"),
        format!("{arn}/old-resources/stream/*")
    );
    assert_eq!(
        policy(&adopted, "RecordHistoryRole", "RecordChange"),
        format!("{arn}/old-history")
    );
    for function in ["RecordHistory", "PublishEvents"] {
        let function = adopted.resource(function).unwrap();
        assert_eq!(
            function["Properties"]["Events"]["Changes"]["Properties"]["Stream"],
            stream
        );
    }
    assert_eq!(adopted.output("HistoryTableName").unwrap(), "old-history");
    let alarm = adopted.resource("StoreThrottles").unwrap();
    let query = alarm["Properties"]["Metrics"][0]["Expression"].as_str().unwrap();
    assert!(query.contains("TableName = 'old-resources'"), "{query}");
}

/// A throttle of 0 answers 429 under every name of the API, a custom domain's too. A route with a throttle of its own needs
/// its own 0. And no function starts, whatever the gateway lets through, but those that record what was changed.
#[test]
fn a_closed_api_answers_nobody_and_starts_no_function_but_those_behind_the_stream() {
    let template = template();
    let closed = template
        .deploy(&[CLOSED, &[("ReservedConcurrency", "10")]].concat())
        .unwrap();
    let open = template.deploy(&[("ReservedConcurrency", "10")]).unwrap();
    let settings = |stack: &holdfast_tests::Stack<'_>| {
        let api = stack.resource("Api").unwrap()["Properties"].clone();
        let mut settings = vec![api["DefaultRouteSettings"].clone()];
        settings.extend(api["RouteSettings"].as_object().unwrap().values().cloned());
        settings
    };
    assert_eq!(settings(&closed).len(), 6);
    for (closed, open) in settings(&closed).iter().zip(settings(&open)) {
        for limit in ["ThrottlingRateLimit", "ThrottlingBurstLimit"] {
            assert_eq!(closed[limit], 0, "{closed}");
            assert_ne!(open[limit], 0, "{open}");
        }
    }
    for name in template.resources("AWS::Serverless::Function") {
        let of = |stack: &holdfast_tests::Stack<'_>| {
            let own = stack.resource(name).unwrap()["Properties"]["ReservedConcurrentExecutions"].clone();
            let all = stack.globals()["Function"]["ReservedConcurrentExecutions"].clone();
            if own.is_null() { all } else { own }
        };
        let is_behind_the_stream = ["RecordHistory", "PublishEvents"].contains(&name);
        let expected = if is_behind_the_stream {
            json!("10")
        } else {
            json!(0)
        };
        assert_eq!((of(&closed), of(&open)), (expected, json!("10")), "{name}");
    }
    let variables = &closed.globals()["Function"]["Environment"]["Variables"];
    assert_eq!(variables["FENCE_EPOCH"], "1");
    assert_eq!(closed.output("FenceEpoch").unwrap(), "1");
}

#[test]
fn a_domain_is_the_apis_name_and_mutual_tls_has_no_way_around_it() {
    let template = template();
    let plain = template.deploy(&[]).unwrap();
    for name in ["Domain", "DomainMapping", "DomainRecord"] {
        assert_eq!(plain.resource(name), None);
    }
    let api = |stack: &holdfast_tests::Stack<'_>| stack.resource("Api").unwrap()["Properties"].clone();
    assert_eq!(api(&plain)["DisableExecuteApiEndpoint"], false);
    assert_eq!(
        plain.output("ApiUrl").unwrap(),
        "https://<Api>.execute-api.eu-central-1.amazonaws.com"
    );

    let named = template.deploy(DOMAIN).unwrap();
    let domain = named.resource("Domain").unwrap();
    assert_eq!(domain["Properties"].get("MutualTlsAuthentication"), None);
    assert_eq!(
        domain["Properties"]["DomainNameConfigurations"][0]["SecurityPolicy"],
        "TLS_1_2"
    );
    assert_eq!(api(&named)["DisableExecuteApiEndpoint"], false);
    assert_eq!(named.output("ApiUrl").unwrap(), "https://locks.example.com");

    let mutual = [
        DOMAIN,
        &[
            ("TruststoreUri", "s3://authorities/clients.pem"),
            ("ExecuteApiEndpoint", "closed"),
        ],
    ]
    .concat();
    let mutual = template.deploy(&mutual).unwrap();
    let domain = mutual.resource("Domain").unwrap();
    assert_eq!(
        domain["Properties"]["MutualTlsAuthentication"],
        json!({"TruststoreUri": "s3://authorities/clients.pem"})
    );
    // CloudFormation hands this on as it is, and the text "true" would not close it.
    assert_eq!(api(&mutual)["DisableExecuteApiEndpoint"], true);
    assert_eq!(
        mutual.resource("DomainMapping").unwrap()["Properties"],
        json!({"ApiId": "<Api>", "DomainName": "<Domain>", "Stage": "<Api.Stage>"})
    );
}

#[test]
fn one_key_encrypts_every_table_and_every_log() {
    let template = template();
    let stack = template.deploy(&[("TableKeyArn", KEY)]).unwrap();
    let logs = template.resources("AWS::Logs::LogGroup");
    assert_eq!(
        logs.len(),
        template.resources("AWS::Serverless::Function").len() + 1
    );
    for name in logs {
        assert_eq!(
            stack.resource(name).unwrap()["Properties"]["KmsKeyId"],
            KEY,
            "{name}"
        );
    }
    for name in template.resources("AWS::DynamoDB::Table") {
        let table = stack.resource(name).unwrap();
        assert_eq!(
            table["Properties"]["SSESpecification"]["KMSMasterKeyId"], KEY,
            "{name}"
        );
    }
    let without = template.deploy(&[]).unwrap().resource("AccessLogs").unwrap();
    assert_eq!(without["Properties"].get("KmsKeyId"), None);
}

/// Each step of a rotation changes the text of the variable, without which CloudFormation would not look again, and keeps the key
/// that rows are still sealed under.
#[test]
fn only_sign_in_is_given_the_keys_of_second_factors_and_a_rotation_changes_their_text() {
    let template = template();
    let resolve = |arn: &str| format!("{{{{resolve:secretsmanager:{arn}:SecretString}}}}");
    let (a, b) = (resolve("<SecondFactorKeyA>"), resolve("<SecondFactorKeyB>"));
    let adopted = resolve(SECRET);
    let own: Parameters = &[];
    for (from, keys, expected, [has_a, has_b]) in [
        (own, "A", a.clone(), [true, false]),
        (own, "BA", format!("{b},{a}"), [true, true]),
        (own, "B", b.clone(), [false, true]),
        (own, "AB", format!("{a},{b}"), [true, true]),
        (ADOPTED, "A", adopted.clone(), [false, false]),
        (ADOPTED, "BA", format!("{b},{adopted}"), [false, true]),
        (ADOPTED, "B", b.clone(), [false, true]),
        (ADOPTED, "AB", format!("{adopted},{b}"), [false, true]),
    ] {
        let stack = template
            .deploy(&[from, &[("SecondFactorKeys", keys)]].concat())
            .unwrap();
        let functions = template.resources("AWS::Serverless::Function");
        let given: Vec<(&str, Json)> = functions
            .into_iter()
            .filter_map(|name| {
                let function = stack.resource(name).unwrap();
                let variables = &function["Properties"]["Environment"]["Variables"];
                Some((name, variables.get("SECOND_FACTOR_KEYS")?.clone()))
            })
            .collect();
        assert_eq!(given, [("SignIn", json!(expected))], "{keys}");
        assert!(!stack.globals().to_string().contains("SECOND_FACTOR_KEYS"));
        let is_there = ["SecondFactorKeyA", "SecondFactorKeyB"].map(|name| stack.resource(name).is_some());
        assert_eq!(is_there, [has_a, has_b], "{keys}");
        let arns = ["SecondFactorKeyArn", "OldSecondFactorKeyArn"].map(|name| stack.output(name));
        let arns: Vec<String> = (arns.iter().flatten())
            .map(|arn| resolve(arn.as_str().unwrap()))
            .collect();
        assert_eq!(arns.join(","), expected, "the outputs, for the command");
    }
}

/// One user alone is too few for the alarm on 5xx.
#[test]
fn a_second_factor_that_does_not_open_is_an_alarm() {
    let template = template();
    let stack = template.deploy(&[]).unwrap();
    let filter = stack.resource("SecondFactorFaults").unwrap()["Properties"].clone();
    let alarm = stack.resource("UnopenedSecondFactors").unwrap()["Properties"].clone();
    assert_eq!(filter["LogGroupName"], "<SignInLogs>");
    assert_eq!(
        filter["MetricTransformations"][0]["MetricName"],
        alarm["MetricName"]
    );
    assert_eq!(alarm["Threshold"], 1);
    let pattern = filter["FilterPattern"].as_str().unwrap();
    let said = pattern.split('"').nth(1).unwrap().strip_suffix('*').unwrap();
    let failure = said.strip_prefix("the request failed: ").unwrap();
    let logged = Failure::Sealed("why".to_owned()).to_string();
    assert!(logged.starts_with(failure), "{logged}");
    let code = std::fs::read_to_string(format!("{ROOT}/shared/src/runtime/http/mod.rs")).unwrap();
    assert!(code.contains("\"the request failed: {failure}\""));
}

/// A key that is lost takes every second factor with it.
#[test]
fn the_keys_of_second_factors_outlive_the_stack_and_are_encrypted_by_its_key() {
    let template = template();
    let given = [("TableKeyArn", KEY), ("SecondFactorKeys", "BA")];
    let stack = template.deploy(&given).unwrap();
    let secrets = template.resources("AWS::SecretsManager::Secret");
    assert_eq!(secrets, ["SecondFactorKeyA", "SecondFactorKeyB"]);
    for name in secrets {
        let secret = stack.resource(name).unwrap();
        assert_eq!(secret["DeletionPolicy"], "RetainExceptOnCreate");
        assert_eq!(secret["UpdateReplacePolicy"], "Retain");
        assert_eq!(secret["Properties"]["KmsKeyId"], KEY);
        // Another word here, and CloudFormation makes another key.
        let generated = &secret["Properties"]["GenerateSecretString"];
        assert_eq!(
            *generated,
            json!({"PasswordLength": 64, "ExcludePunctuation": true})
        );
    }
    let without = template
        .deploy(&[])
        .unwrap()
        .resource("SecondFactorKeyA")
        .unwrap();
    assert_eq!(without["Properties"].get("KmsKeyId"), None);
    let text = std::fs::read_to_string(format!("{ROOT}/template.yaml")).unwrap();
    assert!(!text.contains("secretsmanager:Get"), "no role reads a secret");
}

#[test]
fn a_bound_on_throughput_holds_for_every_table_and_index() {
    let template = template();
    for (given, expected) in [
        (&[][..], Json::Null),
        (
            &[("MaxReadUnits", "1000")][..],
            json!({"MaxReadRequestUnits": "1000"}),
        ),
        (
            &[("MaxReadUnits", "1000"), ("MaxWriteUnits", "500")][..],
            json!({"MaxReadRequestUnits": "1000", "MaxWriteRequestUnits": "500"}),
        ),
    ] {
        let stack = template.deploy(given).unwrap();
        for name in template.resources("AWS::DynamoDB::Table") {
            let table = &stack.resource(name).unwrap()["Properties"];
            assert_eq!(table["OnDemandThroughput"], expected, "{name}");
            for index in table["GlobalSecondaryIndexes"].as_array().into_iter().flatten() {
                assert_eq!(index["OnDemandThroughput"], expected, "{name} {index}");
            }
        }
    }
}

/// An alarm of a composite one that is not there would be silent for ever.
#[test]
fn the_one_alarm_to_be_woken_by_is_made_of_alarms_that_callers_notice() {
    let template = template();
    let stack = template.deploy(PROD).unwrap();
    let alarm = stack.resource("CallersAreAffected").unwrap()["Properties"].clone();
    assert_eq!(alarm["AlarmActions"], json!([TOPIC]));
    insta::assert_snapshot!(
        alarm["AlarmRule"].as_str().unwrap(),
        @r#"ALARM("<ServerErrors>") OR ALARM("<SlowAnswers>") OR ALARM("<TooManyRequests>")"#
    );
    let all = template.resources("AWS::CloudWatch::Alarm");
    for part in ["ServerErrors", "SlowAnswers", "TooManyRequests"] {
        assert!(all.contains(&part), "{part}");
    }
    // The gateway writes what it counts here: the status is text in its log.
    let filter = stack.resource("GatewayRefusals").unwrap()["Properties"].clone();
    let alarm = stack.resource("TooManyRequests").unwrap()["Properties"].clone();
    assert_eq!(
        filter["MetricTransformations"][0]["MetricName"],
        alarm["MetricName"]
    );
    assert_eq!(filter["FilterPattern"], r#"{ $.status = "429" }"#);
    let log = stack.resource("Api").unwrap()["Properties"]["AccessLogSettings"]["Format"].clone();
    assert!(
        log.as_str().unwrap().contains(r#""status":"$context.status""#),
        "{log}"
    );
}

#[test]
fn the_objectives_show_what_was_promised() {
    let template = template();
    let stack = template.deploy(&[]).unwrap();
    let body = stack.resource("ObjectivesDashboard").unwrap()["Properties"]["DashboardBody"].clone();
    let body: Json = serde_json::from_str(body.as_str().unwrap()).unwrap();
    let widgets = body["widgets"].as_array().unwrap();
    let titles: Vec<&str> = widgets
        .iter()
        .map(|widget| widget["properties"]["title"].as_str().unwrap())
        .collect();
    assert_eq!(
        titles,
        [
            "Availability in percent (objective: 99.9)",
            "Slowest hundredth in milliseconds (objective: 2000)",
            "Refusals",
            "Guessing",
            "How far the stream's readers are behind, in milliseconds (objective: 60000)",
            "Callers are affected",
        ]
    );
    // The objectives are where the alarms are.
    let line = |place: usize| widgets[place]["properties"]["annotations"]["horizontal"][0]["value"].clone();
    let threshold = |name: &str| stack.resource(name).unwrap()["Properties"]["Threshold"].clone();
    assert_eq!(line(1), threshold("SlowAnswers"));
    assert_eq!(line(3).to_string(), threshold("FailedSignIns").as_str().unwrap());
    assert_eq!(line(4), threshold("LateHistory"));
    assert_eq!(line(4), threshold("LateEvents"));
}

/// The file's parameters for production lack nothing but the topic, which only its owner knows.
#[test]
fn the_production_configuration_is_refused_only_for_its_topic() {
    let config = std::fs::read_to_string(format!("{ROOT}/samconfig.toml")).unwrap();
    let template = template();
    let overrides: Vec<Vec<(&str, &str)>> = config
        .lines()
        .filter_map(|line| {
            line.strip_prefix("parameter_overrides = ")?
                .strip_prefix('"')?
                .strip_suffix('"')
        })
        .map(|line| line.split(' ').map(|one| one.split_once('=').unwrap()).collect())
        .collect();
    let [dev, prod] = &overrides[..] else {
        panic!("{overrides:?}");
    };
    assert_eq!(template.deploy(dev).err(), None);
    let refusals = template.deploy(prod).err().unwrap();
    assert_eq!(
        refusals,
        ["Somebody is told of a prod stack's alarms: set AlarmTopicArn."]
    );
    assert!(
        template
            .deploy(&[&prod[..], &[("AlarmTopicArn", TOPIC)]].concat())
            .is_ok()
    );
}

/// An alarm that nobody can look up is noise at night; a row about an alarm that is gone is worse.
#[test]
fn every_alarm_has_its_row_in_the_runbooks() {
    let template = template();
    let page = std::fs::read_to_string(format!("{ROOT}/docs/operate.md")).unwrap();
    let (_, rows) = page.split_once("\n| Alarm | It means | Do |\n").unwrap();
    let rows = rows.split("\n\n").next().unwrap().lines();
    let described: BTreeSet<String> = rows
        .filter_map(|row| row.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect();
    let functions: BTreeSet<String> = template
        .resources("AWS::Serverless::Function")
        .into_iter()
        .map(|name| format!("{name}Errors"))
        .collect();
    let alarms = ["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"];
    let there: BTreeSet<String> = alarms
        .iter()
        .flat_map(|of_type| template.resources(of_type))
        .map(|name| {
            if functions.contains(name) {
                "<Function>Errors"
            } else {
                name
            }
        })
        .map(str::to_owned)
        .collect();
    assert_eq!(described, there);
}

/// The queries of the runbooks name fields; a field that no line has finds nothing, at night.
#[test]
fn the_fields_of_the_queries_are_in_the_lines() {
    let page = std::fs::read_to_string(format!("{ROOT}/docs/operate.md")).unwrap();
    let access = template().deploy(&[]).unwrap().resource("Api").unwrap()["Properties"]["AccessLogSettings"]
        ["Format"]
        .to_string();
    let code: String = ["telemetry.rs", "audit.rs", "runtime/http/mod.rs"]
        .iter()
        .map(|file| std::fs::read_to_string(format!("{ROOT}/shared/src/{file}")).unwrap())
        .collect();
    let queries: Vec<&str> = page
        .split("```\n")
        .filter(|part| part.starts_with("fields ") || part.starts_with("filter "))
        .collect();
    assert_eq!(queries.len(), 7);
    // What Logs Insights itself has, what a query makes, and the one field that every event of the code has.
    let own = [
        "fields",
        "filter",
        "stats",
        "sort",
        "limit",
        "desc",
        "by",
        "as",
        "in",
        "not",
        "and",
        "count",
        "sum",
        "latest",
        "earliest",
        "ispresent",
        "times",
        "last",
        "first",
        "requests",
        "message",
    ];
    for query in queries {
        let bare: String = query.split('"').step_by(2).collect();
        for word in bare.split(|c: char| !(c.is_ascii_alphanumeric() || "@_".contains(c))) {
            let is_number = word.parse::<u64>().is_ok();
            if word.is_empty() || word.starts_with('@') || is_number || own.contains(&word) {
                continue;
            }
            let is_there = access.contains(&format!("\\\"{word}\\\":"))
                || code.contains(&format!("\"{word}\""))
                || code.contains(&format!("{word} ="))
                || code.lines().any(|line| line.trim() == format!("{word},"));
            assert!(is_there, "no line has {word}: {query}");
        }
    }
}
