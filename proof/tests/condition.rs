//! The evaluator against the embedded DynamoDB, which the local server and the tests use: every condition by name on rows
//! of every shape, and the updates of a lock as the store builds them.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

use holdfast::id::{Company, DeviceId};
use holdfast::lock::*;
use holdfast::store::{DeviceRow, Item, LockTarget, Lockable, NewDevice, Row, Update};
use holdfast_proof::condition::{Bindings, Condition, NAMED, UpdateExpression};

const TABLE: &str = "rows";

/// A store of its own for each test.
struct Dynamo {
    runtime: Runtime,
    client: Client,
}

impl Dynamo {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let client = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let endpoint = format!("http://{}", listener.local_addr().unwrap());
            let database = dynoxide::Database::memory().unwrap();
            tokio::spawn(dynoxide::server::serve_on(listener, database));
            let client = holdfast_local::local_client(&endpoint);
            client
                .create_table()
                .table_name(TABLE)
                .billing_mode(BillingMode::PayPerRequest)
                .key_schema(
                    KeySchemaElement::builder()
                        .attribute_name("pk")
                        .key_type(KeyType::Hash)
                        .build()
                        .unwrap(),
                )
                .attribute_definitions(
                    AttributeDefinition::builder()
                        .attribute_name("pk")
                        .attribute_type(ScalarAttributeType::S)
                        .build()
                        .unwrap(),
                )
                .send()
                .await
                .unwrap();
            client
        });
        Self { runtime, client }
    }

    /// Puts the row, or removes it.
    fn set(&self, pk: &str, item: Option<&Item>) {
        self.runtime.block_on(async {
            if let Some(item) = item {
                let put = self.client.put_item().table_name(TABLE);
                put.set_item(Some(item.clone())).send().await.unwrap();
            } else {
                let delete = self.client.delete_item().table_name(TABLE);
                delete.key("pk", text(pk)).send().await.unwrap();
            }
        });
    }

    fn get(&self, pk: &str) -> Option<Item> {
        let get = self.client.get_item().table_name(TABLE).consistent_read(true);
        self.runtime
            .block_on(get.key("pk", text(pk)).send())
            .unwrap()
            .item
    }

    /// Whether the write was made; a condition that fails is false, and anything else that fails a panic.
    fn update(&self, pk: &str, condition: &str, expression: &str, bindings: &Bindings) -> bool {
        let names = Some(bindings.names.clone()).filter(|names| !names.is_empty());
        let values = Some(bindings.values.clone()).filter(|values| !values.is_empty());
        let sent = self
            .client
            .update_item()
            .table_name(TABLE)
            .key("pk", text(pk))
            .condition_expression(condition)
            .update_expression(expression)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .send();
        match self.runtime.block_on(sent) {
            Ok(_) => true,
            Err(error) => {
                let error = error.into_service_error();
                assert!(
                    error.is_conditional_check_failed_exception(),
                    "{condition}: {error:?}"
                );
                false
            }
        }
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// What is not an attribute in a condition.
const KEYWORDS: [&str; 5] = ["AND", "OR", "attribute_exists", "attribute_not_exists", "pk"];

/// The words of a condition: attributes, `#names` and `:values`.
fn words(condition: &str) -> BTreeSet<&str> {
    condition
        .split(|letter: char| !letter.is_ascii_alphanumeric() && !"_#:".contains(letter))
        .filter(|word| !word.is_empty() && !KEYWORDS.contains(word))
        .collect()
}

/// A value of a small world, so that any two are often equal.
fn value() -> impl Strategy<Value = AttributeValue> {
    prop_oneof![
        4 => (0..4_u8).prop_map(|number| AttributeValue::N(number.to_string())),
        1 => "[ab]".prop_map(AttributeValue::S),
    ]
}

/// A row, or none, and the meaning of the words of a condition.
fn case(condition: &'static str) -> impl Strategy<Value = (Option<Item>, Bindings)> {
    let words = words(condition);
    let values: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| word.starts_with(':'))
        .collect();
    let attributes: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| !word.starts_with(':'))
        .collect();
    let meanings = prop::collection::vec(value(), values.len());
    // Absent, or any value, or that of a word.
    let shape = (0..4_u8, value(), any::<prop::sample::Index>());
    let shapes = prop::collection::vec(shape, attributes.len());
    (meanings, shapes, prop::bool::weighted(0.8)).prop_map(move |(meanings, shapes, exists)| {
        let mut bindings = Bindings::default();
        for (word, value) in values.iter().zip(&meanings) {
            bindings.values.insert((*word).to_owned(), value.clone());
        }
        let mut item = Item::from([("pk".to_owned(), text("row"))]);
        for (word, (kind, any, index)) in attributes.iter().zip(shapes) {
            let name = word.trim_start_matches('#');
            if word.starts_with('#') {
                bindings.names.insert((*word).to_owned(), name.to_owned());
            }
            let value = match kind {
                0 => continue,
                1 => any,
                _ if meanings.is_empty() => any,
                _ => index.get(&meanings).clone(),
            };
            item.insert(name.to_owned(), value);
        }
        (exists.then_some(item), bindings)
    })
}

/// Every condition is compared where the evaluator holds it for true and where it does not, as often: some hold for one row
/// in a hundred.
#[test]
fn every_named_condition_means_what_the_store_takes_it_for() {
    const EACH: usize = 24;
    let dynamo = Dynamo::start();
    let mut runner = TestRunner::new(Config::default());
    for (name, condition) in NAMED {
        let parsed = Condition::parse(condition).unwrap();
        let cases = case(condition);
        let mut compared = HashMap::from([(true, 0), (false, 0)]);
        for _ in 0..20_000 {
            let (item, mut bindings) = cases.new_tree(&mut runner).unwrap().current();
            let holds = parsed.holds(item.as_ref(), &bindings).unwrap();
            if compared[&holds] == EACH {
                continue;
            }
            dynamo.set("row", item.as_ref());
            bindings.values.insert(":probe".to_owned(), text("made"));
            let made = dynamo.update("row", condition, "SET probe = :probe", &bindings);
            assert_eq!(holds, made, "{name} on {item:?} with {bindings:?}");
            *compared.entry(holds).or_default() += 1;
            if compared.values().all(|count| *count == EACH) {
                break;
            }
        }
        assert!(
            compared.values().all(|count| *count == EACH),
            "{name}: {compared:?}"
        );
    }
}

/// A new condition is compared as well.
#[test]
fn no_condition_is_forgotten() {
    let source = include_str!("../../shared/src/store/expressions.rs");
    let declared: BTreeSet<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split(':').next())
        .collect();
    let listed: BTreeSet<&str> = NAMED.iter().map(|(name, _)| *name).collect();
    assert_eq!(declared, listed);
    assert_eq!(listed.len(), NAMED.len());
}

/// A write whose condition speaks of things that the evaluator does not know is a fault, and not a guess.
#[test]
fn what_is_not_understood_is_a_fault() {
    for condition in [
        "",
        "rev",
        "rev =",
        "rev = :seen AND",
        "(rev = :seen",
        "rev = :seen)",
        "NOT rev = :seen",
        "size(rev) > :seen",
        "rev BETWEEN :a AND :b",
        "rev == :seen",
        "attribute_exists(rev",
        "begins_with(rev, :seen)",
        "rev = :seen; rev = :seen",
    ] {
        assert!(Condition::parse(condition).is_err(), "{condition}");
    }
    for update in [
        "SET",
        "SET rev",
        "SET rev = ",
        "ADD rev :one",
        "SET rev = :a SET fence = :b",
        "SET a = list_append(a, :b)",
        "REMOVE a REMOVE b",
    ] {
        assert!(UpdateExpression::parse(update).is_err(), "{update}");
    }
    let unknown = Condition::parse("rev = :seen").unwrap();
    assert!(
        unknown.holds(None, &Bindings::default()).is_err(),
        "a value without a meaning"
    );
    let twice = UpdateExpression::parse("SET rev = :one REMOVE rev").unwrap();
    let one = Bindings {
        values: HashMap::from([(":one".to_owned(), AttributeValue::N("1".to_owned()))]),
        ..Bindings::default()
    };
    assert!(
        twice.apply(&Item::new(), &one).is_err(),
        "an attribute that is set and removed"
    );
}

#[derive(Clone, Debug)]
struct Step {
    owner: u8,
    verb: u8,
    wait_ms: i64,
    /// Whether the write is made on a revision that has passed, and whether it leaves the revision out.
    late: bool,
    insists: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        0..3_u8,
        0..7_u8,
        0..1_200_i64,
        prop::bool::weighted(0.15),
        any::<bool>(),
    );
    let step = step.prop_map(|(owner, verb, wait_ms, late, insists)| Step {
        owner,
        verb,
        wait_ms,
        late,
        insists,
    });
    prop::collection::vec(step, 1..25)
}

fn request(step: &Step, state: &State) -> Request {
    let owner = Owner::new(format!("user-{}", step.owner));
    let acquire = |owner, lease, title: Option<&str>| Request::Acquire {
        owner,
        lease,
        text: Text {
            title: title.map(str::to_owned),
            message: None,
        },
        tenure: None,
    };
    match step.verb {
        0 => Request::Release { owner, tenure: None },
        1 | 2 => Request::Break {
            by: owner,
            fence: state.fence(),
            reason: Reason::try_from("a ticket").unwrap(),
            then: if step.verb == 1 {
                Aftermath::Free
            } else {
                Aftermath::Take
            },
            hold_off: HoldOff::from_seconds(1).unwrap(),
        },
        3 => acquire(owner, LeaseChange::Infinite, Some("title")),
        4 => acquire(owner, LeaseChange::Keep, None),
        _ => acquire(owner, LeaseChange::For(Lease::from_seconds(1).unwrap()), None),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// The very rows that DynamoDB makes of the store's own writes.
    #[test]
    fn every_update_of_a_lock_makes_the_row_that_the_store_makes(steps in steps()) {
        thread_local! {
            static DYNAMO: Dynamo = Dynamo::start();
        }
        DYNAMO.with(|dynamo| {
            let (company, id) = (Company::try_from("1").unwrap(), DeviceId::try_from("d").unwrap());
            let target = LockTarget::device(&company, &id);
            let device = NewDevice { company: &company, id: &id, name: "d", ip: "10.0.0.1", description: "" };
            let mut item = device.to_item(Timestamp::from_unix_ms(0));
            let pk = target.key().pk();
            dynamo.set(pk, Some(&item));
            let mut now = 0;
            for (number, step) in steps.iter().enumerate() {
                now += step.wait_ms;
                let moment = Timestamp::from_unix_ms(now);
                let row = DeviceRow::parse(item.clone()).unwrap();
                let record = row.record();
                let request = request(step, &record.state);
                let writer = Writer {
                    actor: request.owner().clone(),
                    at: moment,
                    origin: Origin::unknown(RequestId::new(number.to_string())),
                };
                let rev = Revision::new(record.rev.get() - u64::from(step.late));
                let seen = Record { rev, ..record.clone() };
                // In the second half, the rows have been put back to where they are.
                let epoch = Epoch::new(u16::from(2 * number > steps.len())).unwrap();
                let turn = Turn::first(record, &request, moment, epoch);
                let insists = step.insists && turn.insists(1);
                let mut update = match &turn {
                    Turn::Write(change, _) => Update::change(change, Some(&seen), &target, &writer, moment, epoch),
                    _ => Update::touch(Some(rev), &target),
                };
                if insists {
                    update.at_any_revision();
                }
                let bindings = Bindings {
                    names: update.names().cloned().unwrap_or_default(),
                    values: update.values().clone(),
                };
                let condition = Condition::parse(update.condition()).unwrap();
                let holds = condition.holds(Some(&item), &bindings).unwrap();
                prop_assert_eq!(holds, !step.late || insists, "{}", update.condition());
                let made = dynamo.update(pk, update.condition(), &update.expression(), &bindings);
                prop_assert_eq!(holds, made);
                if made {
                    let expression = UpdateExpression::parse(&update.expression()).unwrap();
                    item = expression.apply(&item, &bindings).unwrap();
                }
                let stored = dynamo.get(pk);
                prop_assert_eq!(Some(&item), stored.as_ref());
            }
            Ok(())
        })?;
    }
}
