//! What the local server tells its user: the commands to try, and the page at `/`.

use std::fmt::Write;

use axum::response::Html;
use holdfast::runtime::Function;

/// Commands that show the device lock with the demo directory. They can be pasted as they are.
#[must_use]
pub fn demo_commands(base: &str) -> String {
    let login = |who: &str| {
        format!(
            "curl -s -c {who}.cookies -H 'Content-Type: application/json' \
             -d '{{\"userName\":\"{who}\",\"password\":\"{who}-demo\"}}' {base}/rest/v1.3/admin/login"
        )
    };
    let action = |who: &str, action: &str| {
        format!(
            "curl -si -b {who}.cookies -H 'Content-Type: application/xml' \
             -d '<deviceAction><type>{action}</type></deviceAction>' \
             {base}/rest/v1.3/inventory/deviceMgmt/devices/ID5/action"
        )
    };
    let steps = [
        ("alice and bob sign in", vec![login("alice"), login("bob")]),
        ("alice locks a device", vec![action("alice", "Lock")]),
        (
            "bob is refused, and told who holds it (423)",
            vec![action("bob", "Lock")],
        ),
        (
            "who holds what",
            vec![format!(
                "curl -s -b bob.cookies -H 'Accept: application/json' \
                 {base}/rest/v1.3/inventory/deviceMgmt/devices"
            )],
        ),
        (
            "alice unlocks it, and bob gets it with a larger Lock-Fence",
            vec![action("alice", "Unlock"), action("bob", "Lock")],
        ),
    ];
    let mut text = String::from("Try, in another terminal (Session Delivery Manager dialect):\n");
    for (title, commands) in steps {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n  # {title}\n");
        for command in commands {
            let _ = writeln!(text, "  {command}");
        }
    }
    text
}

/// The page at `/`: what there is to call.
pub(crate) fn page(functions: &[&Function]) -> Html<String> {
    let mut rows = String::new();
    for function in functions {
        for route in function.routes {
            let _ = writeln!(
                rows,
                "<tr><td>{}</td><td><code>{}</code></td><td>{}</td></tr>",
                route.method.as_str(),
                route.path,
                function.name
            );
        }
    }
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Holdfast</title>\
         <style>body{{font:16px/1.5 system-ui;margin:3em auto;max-width:60em;padding:0 1em}}\
         td{{padding:.2em 1em .2em 0}}</style>\
         <h1>Holdfast</h1><p>Owner-only locks for privileged sessions, network devices and user accounts. \
         This is the local server; the same handlers run as AWS Lambda functions.</p>\
         <table><tr><th>Method</th><th>Path</th><th>Function</th></tr>\n{rows}</table></html>\n"
    ))
}
