//! Whether an answer is one that the document has: its status, each of its headers, its media type and its body, closed objects
//! included. What is not written down does not pass.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, OnceLock};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::{Value, json};

use crate::{Document, coverage, elements};

/// An answer and what it answers.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The request's method.
    pub method: &'a str,
    /// The request's path, percent-encoded.
    pub path: &'a str,
    /// The status code.
    pub status: u16,
    /// All headers, in lower case.
    pub headers: &'a [(String, String)],
    /// The body; empty where there is none.
    pub body: &'a str,
}

/// What every HTTP server adds.
const HOP: [&str; 6] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "server",
    "transfer-encoding",
];

/// What the local server alone has.
const LOCAL: [&str; 2] = ["/", "/events"];

/// Holds an answer to the document, and notes that it was seen.
///
/// # Errors
/// What the document does not have.
pub fn conforms(received: &Received<'_>) -> Result<(), String> {
    if received.method == "GET" && LOCAL.contains(&received.path) {
        return Ok(());
    }
    let document = Document::served();
    let operation = document.operation(received.method, received.path);
    let status = received.status.to_string();
    let (key, response) = match &operation {
        Some(operation) => {
            let response = operation.value["responses"].get(&status);
            (
                operation.key(),
                response.map(|response| document.resolved(response)),
            )
        }
        None => (
            coverage::ANY_OTHER.to_owned(),
            document.any_other(received.status),
        ),
    };
    let response = response.ok_or_else(|| format!("{key} has no {status} in the document"))?;
    headers(received, &response["headers"], document)?;
    body(received, response.get("content"), document)?;
    coverage::note(&format!("{key} {status}"));
    Ok(())
}

fn headers(received: &Received<'_>, documented: &Value, document: &Document) -> Result<(), String> {
    let documented: BTreeMap<String, &Value> = documented
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, header)| (name.to_lowercase(), document.resolved(header)))
        .collect();
    for (name, value) in received.headers {
        if HOP.contains(&name.as_str()) {
            continue;
        }
        let header = documented.get(name);
        let header = header.ok_or_else(|| format!("the header {name} is not in the document"))?;
        let schema = &header["schema"];
        let number = value.parse::<i64>().ok().filter(|_| schema["type"] == "integer");
        is_valid(schema, &number.map_or_else(|| json!(value), Value::from))
            .map_err(|fault| format!("the header {name}: {fault}"))?;
    }
    for (name, header) in documented {
        let is_there = received.headers.iter().any(|(known, _)| *known == name);
        if header["required"] == true && !is_there {
            return Err(format!("the header {name} is missing"));
        }
    }
    Ok(())
}

fn body(received: &Received<'_>, content: Option<&Value>, document: &Document) -> Result<(), String> {
    let Some(content) = content else {
        let is_empty = received.body.is_empty();
        return is_empty
            .then_some(())
            .ok_or_else(|| "a body that is not in the document".to_owned());
    };
    let media = received.headers.iter().find(|(name, _)| name == "content-type");
    let media = media.ok_or("a body without its Content-Type")?;
    let media = media.1.split(';').next().unwrap_or_default().trim();
    let schema = &content
        .get(media)
        .ok_or_else(|| format!("{media} is not in the document"))?["schema"];
    if media.ends_with("xml") {
        return xml(received.body, schema, document);
    }
    if !media.ends_with("json") {
        return is_valid(schema, &json!(received.body));
    }
    let value: Value = serde_json::from_str(received.body).map_err(|error| error.to_string())?;
    is_valid(schema, &value)?;
    problem(&value, received.status)
}

/// Of several choices the XML is one.
fn xml(body: &str, schema: &Value, document: &Document) -> Result<(), String> {
    let one = |schema: &Value| is_valid(schema, &elements::as_json(body, schema, document)?);
    match schema["oneOf"].as_array() {
        None => one(schema),
        Some(choices) => {
            let faults: Vec<String> = choices.iter().filter_map(|choice| one(choice).err()).collect();
            let is_one = faults.len() + 1 == choices.len();
            is_one.then_some(()).ok_or_else(|| faults.join("; "))
        }
    }
}

/// A problem's status is the answer's, and its type one that `docs/api.md` has for it.
fn problem(body: &Value, status: u16) -> Result<(), String> {
    if status >= 400 && body.get("status").is_some_and(Value::is_u64) && body["status"] != status {
        return Err(format!("the body says {}", body["status"]));
    }
    match body["type"]
        .as_str()
        .filter(|kind| kind.starts_with("/problems/"))
    {
        Some(kind) if !problem_types().contains(&(kind.to_owned(), status)) => {
            Err(format!("docs/api.md has no {kind} with {status}"))
        }
        _ => Ok(()),
    }
}

/// The table of problems in `docs/api.md`.
fn problem_types() -> &'static [(String, u16)] {
    static TYPES: OnceLock<Vec<(String, u16)>> = OnceLock::new();
    TYPES.get_or_init(|| {
        let rows = include_str!("../../docs/api.md").lines();
        let rows = rows.filter_map(|line| {
            let (kind, rest) = line.strip_prefix("| `/problems/")?.split_once("` | ")?;
            let status = rest.split(' ').next()?.parse().ok()?;
            Some((format!("/problems/{kind}"), status))
        });
        rows.collect()
    })
}

/// Holds an example of the document to its schema.
///
/// # Errors
/// What is wrong with it.
pub fn example(media: &str, schema: &Value, example: &Value) -> Result<(), String> {
    match example.as_str() {
        Some(text) if media.ends_with("xml") => xml(text, schema, Document::served()),
        _ => is_valid(schema, example),
    }
}

fn is_valid(schema: &Value, value: &Value) -> Result<(), String> {
    static COMPILED: OnceLock<Mutex<Compiled>> = OnceLock::new();
    let mut compiled = COMPILED.get_or_init(Mutex::default).lock().expect("a lock");
    let index = compiled.index(schema);
    compiled
        .schemas
        .validate(value, index)
        .map_err(|fault| format!("{fault:#}"))
}

/// Each schema is compiled once.
#[derive(Default)]
struct Compiled {
    schemas: Schemas,
    known: HashMap<String, SchemaIndex>,
}

impl Compiled {
    fn index(&mut self, schema: &Value) -> SchemaIndex {
        let text = schema.to_string();
        if let Some(index) = self.known.get(&text) {
            return *index;
        }
        let components = &Document::served().components()["schemas"];
        let whole = json!({"allOf": [schema], "components": {"schemas": components}});
        let name = format!("https://holdfast.invalid/{}", self.known.len());
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource(&name, whole).expect("a name of its own");
        let index = compiler.compile(&name, &mut self.schemas).expect("a schema");
        self.known.insert(text, index);
        index
    }
}
