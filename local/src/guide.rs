//! What the local server tells its user: the commands to try, and the page at `/`.

use std::fmt::Write;

use axum::response::Html;
use holdfast::runtime::Function;

/// Admin's API key in the demo directory.
const ADMIN_API_KEY: &str = "YWRtaW4tZGVtby1hcGktaw==";

/// Bob's session on db01 in the demo directory.
const BOBS_SESSION: &str = "497f6eca-6276-4993-bfeb-53cbbbba6f08";

/// Commands that show each dialect with the demo directory. They can be pasted as they are.
#[must_use]
pub fn demo_commands(base: &str) -> String {
    let mut text = String::from("Try, in another terminal:\n");
    for (dialect, steps) in [
        ("Session Delivery Manager", sdm(base)),
        ("Aktion.NEXT", aktion(base)),
        ("Netwrix Privilege Secure", netwrix(base)),
        ("Holdfast's own API", holdfast(base)),
    ] {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n# {dialect}\n");
        for (title, commands) in steps {
            let _ = writeln!(text, "\n  # {title}");
            for command in commands {
                let _ = writeln!(text, "  {command}");
            }
        }
    }
    text
}

type Steps = Vec<(&'static str, Vec<String>)>;

fn sdm(base: &str) -> Steps {
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
    let list = format!(
        "curl -s -b bob.cookies -H 'Accept: application/json' {base}/rest/v1.3/inventory/deviceMgmt/devices"
    );
    vec![
        ("alice and bob sign in", vec![login("alice"), login("bob")]),
        ("alice locks a device", vec![action("alice", "Lock")]),
        (
            "bob is refused, and told who holds it (423)",
            vec![action("bob", "Lock")],
        ),
        ("who holds what", vec![list]),
        (
            "alice unlocks it, and bob gets it with a larger Lock-Fence",
            vec![action("alice", "Unlock"), action("bob", "Lock")],
        ),
    ]
}

/// The two steps of a sign-in, after which the variable holds the bearer token.
fn both_factors(base: &str, login: &str, variable: &str) -> Vec<String> {
    let json = "-H 'Content-Type: application/json'";
    let unquote = "| tr -d '\"'";
    vec![
        format!(
            "{variable}=$(curl -s {json} -d '{{\"Login\":\"{login}\",\"Password\":\"{login}-demo\"}}' \
             {base}/signinBody {unquote})"
        ),
        format!(
            "{variable}=$(curl -s {json} -H \"Authorization: Bearer ${variable}\" \
             -d \"$(cargo run -q -- totp {login})\" {base}/signin2fa {unquote})"
        ),
    ]
}

fn netwrix(base: &str) -> Steps {
    let json = "-H 'Content-Type: application/json'";
    let bearer = "-H \"Authorization: Bearer $TOKEN\"";
    let lock = |locked: bool| {
        format!(
            "curl -s -X PUT {json} {bearer} -d '{{\"activitySessionIds\":[\"{BOBS_SESSION}\"],\"locked\":{locked},\
             \"lockTitle\":\"Under review\",\"lockActivity\":true,\"lockResource\":true}}' \
             {base}/api/v1/ActivitySession/lock"
        )
    };
    let read = format!("curl -s {bearer} {base}/api/v1/ActivitySession/{BOBS_SESSION}");
    vec![
        (
            "admin signs in: the password, then the code that a phone would show",
            both_factors(base, "admin", "TOKEN"),
        ),
        (
            "admin locks bob's session on db01, and bob out of the resource; the session says so",
            vec![lock(true), read],
        ),
        ("only admin can unlock both", vec![lock(false)]),
    ]
}

fn holdfast(base: &str) -> Steps {
    let json = "-H 'Content-Type: application/json'";
    let bearer = |variable: &str| format!("-H \"Authorization: Bearer ${variable}\"");
    let (alice, olga) = (bearer("ALICE"), bearer("OLGA"));
    let device = format!("{base}/locks/device/ID6");
    let mut locking = both_factors(base, "alice", "ALICE");
    locking.push(format!(
        "curl -s -X PUT {json} {alice} -d '{{\"title\":\"Firmware update\"}}' {device}"
    ));
    let mut seeing = both_factors(base, "olga", "OLGA");
    seeing.push(format!("curl -s {olga} '{base}/locks?kind=device'"));
    seeing.push(format!("curl -s {olga} {device}"));
    vec![
        ("alice signs in, locks a device, and leaves", locking),
        (
            "olga, an operator, signs in, lists what is locked, and looks at one lock",
            seeing,
        ),
        (
            "she breaks it: that tenure and no other, with a reason",
            vec![
                format!("FENCE=$(curl -s {olga} {device} | sed 's/,\"lock\".*//; s/.*\"fence\"://')"),
                format!(
                    "curl -s {json} {olga} -d '{{\"fence\":'$FENCE',\"reason\":\"Alice is on leave\"}}' \
                     {device}/break"
                ),
            ],
        ),
        (
            "alice is told who broke it and why, and is kept off for a minute (409)",
            vec![
                format!("curl -s {alice} {device}"),
                format!("curl -si -X PUT {alice} {device}"),
            ],
        ),
    ]
}

fn aktion(base: &str) -> Steps {
    let json = "-H 'Content-Type: application/json'";
    let lock = |lock: u8| {
        format!(
            "curl -s {json} -d '{{\"LoginName\":\"mona\",\"Lock\":{lock}}}' \"{base}/user/lock?Token=$TOKEN\""
        )
    };
    vec![
        (
            "admin signs in with an API key: a token for 20 seconds",
            vec![format!(
                "TOKEN=$(curl -s {json} -d '{{\"UserLogin\":\"admin\",\"ApiKey\":\"{ADMIN_API_KEY}\"}}' \
                 {base}/login | sed 's/.*\"Token\":\"\\([^\"]*\\)\".*/\\1/')"
            )],
        ),
        (
            "admin locks mona, and the account says who did",
            vec![
                lock(1),
                format!("curl -s \"{base}/user/get?LoginName=mona&Token=$TOKEN\""),
            ],
        ),
        (
            "mona is kept out, in every dialect (401)",
            vec![format!(
                "curl -si {json} -d '{{\"userName\":\"mona\",\"password\":\"mona-demo\"}}' {base}/rest/v1.3/admin/login"
            )],
        ),
        ("only admin can unlock her", vec![lock(0)]),
    ]
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
         This is the local server; the same handlers run as AWS Lambda functions. \
         <a href=\"/docs\">What each call takes and answers</a>.</p>\
         <table><tr><th>Method</th><th>Path</th><th>Function</th></tr>\n{rows}</table></html>\n"
    ))
}
