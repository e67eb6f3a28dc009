//! Every endpoint is everywhere that an endpoint has to be. What is missing is named: it is the recipe of
//! ARCHITECTURE.md, "Adding an endpoint", held to the code.

use std::path::Path;

use holdfast_local::{FUNCTIONS, STREAM_FUNCTIONS};

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn names(folder: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut names: Vec<String> = std::fs::read_dir(root.join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The text of every place where an endpoint is written down by its address.
struct Places {
    readme: String,
    api: String,
    template: String,
    workspace: String,
    events: Vec<String>,
    event_list: String,
}

impl Places {
    fn now() -> Self {
        Self {
            readme: read("README.md"),
            api: read("docs/api.md"),
            template: read("template.yaml"),
            workspace: read("Cargo.toml"),
            events: names("events"),
            event_list: read("events/README.md"),
        }
    }

    /// What is missing of a function.
    fn lacking_for_function(&self, function: &str, is_served: bool) -> Vec<String> {
        let mut lacking = Vec::new();
        let mut need = |there: bool, place: &str| {
            if !there {
                lacking.push(format!("{function}: {place}"));
            }
        };
        need(is_served, "local/src/lib.rs, FUNCTIONS");
        need(
            self.workspace
                .contains(&format!("{function} = {{ path = \"functions/{function}\" }}")),
            "Cargo.toml, the workspace's dependencies",
        );
        need(
            self.template.contains(&format!("Binary: {function}\n")),
            "template.yaml, a block of its own",
        );
        need(
            self.events
                .iter()
                .any(|event| event.starts_with(&format!("{function}--"))),
            "events/, an event",
        );
        need(
            self.event_list.contains(&format!("`{function}--")),
            "events/README.md, the list of events",
        );
        need(
            self.readme.contains(&format!("`{function}`")),
            "README.md, the table of start-up times",
        );
        lacking
    }

    /// What is missing of a route.
    fn lacking_for_route(&self, method: &str, path: &str) -> Vec<String> {
        let mut lacking = Vec::new();
        let documented = path.replace("{versionId}", "{v}");
        let mut need = |there: bool, place: &str| {
            if !there {
                lacking.push(format!("{method} {path}: {place}"));
            }
        };
        let is_row = |line: &str| {
            let address = line
                .find(&documented)
                .and_then(|at| line.get(at + documented.len()..));
            // The address as a whole, and not as the beginning of another one.
            line.contains(method) && address.is_some_and(|rest| !rest.starts_with(['/', '{']))
        };
        need(
            self.readme
                .lines()
                .any(|line| line.starts_with('|') && is_row(line)),
            "README.md, the API table",
        );
        need(self.api.lines().any(is_row), "docs/api.md, a contract");
        need(
            self.template.contains(&format!("Path: {path}\n")),
            "template.yaml, a route",
        );
        lacking
    }
}

#[test]
fn no_endpoint_is_forgotten_anywhere() {
    let places = Places::now();
    let mut lacking = Vec::new();
    for function in names("functions") {
        let is_served = FUNCTIONS.iter().any(|served| served.name == function)
            || STREAM_FUNCTIONS.contains(&function.as_str());
        lacking.extend(places.lacking_for_function(&function, is_served));
    }
    for route in FUNCTIONS.iter().flat_map(|function| function.routes) {
        lacking.extend(places.lacking_for_route(route.method.as_str(), route.path));
    }
    assert_eq!(lacking, Vec::<String>::new());
}

#[test]
fn what_is_forgotten_is_named() {
    let places = Places::now();
    assert_eq!(
        places.lacking_for_function("hold-lift", false),
        [
            "hold-lift: local/src/lib.rs, FUNCTIONS",
            "hold-lift: Cargo.toml, the workspace's dependencies",
            "hold-lift: template.yaml, a block of its own",
            "hold-lift: events/, an event",
            "hold-lift: events/README.md, the list of events",
            "hold-lift: README.md, the table of start-up times",
        ]
    );
    assert_eq!(
        places.lacking_for_route("GET", "/rest/{versionId}/inventory"),
        [
            "GET /rest/{versionId}/inventory: README.md, the API table",
            "GET /rest/{versionId}/inventory: docs/api.md, a contract",
            "GET /rest/{versionId}/inventory: template.yaml, a route",
        ]
    );
}

/// `scripts/sam-local` compares each event's answer; a snapshot without its event is compared with nothing.
#[test]
fn every_event_has_its_snapshot_and_every_snapshot_its_event() {
    let events: Vec<String> = names("events")
        .into_iter()
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "json"))
        .collect();
    assert_eq!(names("events/snapshots"), events);
}
