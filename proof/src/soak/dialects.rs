//! Requests in every dialect, and what their answers say of a target.

use holdfast::lock::Timestamp;
use serde_json::{Value, json};

use super::wire::{Answer, Wire};
use crate::check::history::{
    Ask, AskedLease, Ending, OutcomeKind, Part, Row, Shown, ShownBreak, ShownEnd, ShownLock, Told,
};

/// What a caller has signed in with.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The login.
    pub login: String,
    /// A bearer token with both factors.
    pub bearer: String,
    /// The session of the Session Delivery Manager dialect.
    pub sdm: String,
    /// A token of the Aktion dialect; it lives for 20 seconds.
    pub aktion: String,
}

/// A request that asks something of one target or more.
#[derive(Clone, Debug)]
pub struct Call {
    /// As it is sent.
    pub wire: Wire,
    /// What it asks.
    pub parts: Vec<(String, Ask)>,
    /// How its answer is read.
    pub reader: Reader,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    SdmLock,
    SdmUnlock,
    SdmDevice,
    AktionLock,
    AktionUnlock,
    AktionUser,
    NetwrixLock,
    NetwrixUnlock,
    Hold,
    Release,
    Break,
    Show,
    Check,
}

impl Reader {
    /// The call's name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SdmLock => "sdm lock",
            Self::SdmUnlock => "sdm unlock",
            Self::SdmDevice => "sdm device",
            Self::AktionLock => "aktion lock",
            Self::AktionUnlock => "aktion unlock",
            Self::AktionUser => "aktion user",
            Self::NetwrixLock => "netwrix lock",
            Self::NetwrixUnlock => "netwrix unlock",
            Self::Hold => "holdfast hold",
            Self::Release => "holdfast release",
            Self::Break => "holdfast break",
            Self::Show => "holdfast read",
            Self::Check => "holdfast check",
        }
    }
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn split(target: &str) -> (&str, &str) {
    target.split_once('/').expect("a kind and an id")
}

fn id_of(target: &str) -> String {
    split(target).1.to_owned()
}

/// Locks or unlocks a device in the Session Delivery Manager dialect, with a body in XML or in JSON.
pub fn sdm_action(who: &Credentials, target: &str, ask: Ask, in_xml: bool) -> Call {
    let (action, reader) = match ask {
        Ask::Lock { .. } => ("Lock", Reader::SdmLock),
        _ => ("Unlock", Reader::SdmUnlock),
    };
    let mut headers = vec![
        ("cookie", format!("JSESSIONID={}", who.sdm)),
        ("accept", "application/json".to_owned()),
    ];
    let body = if in_xml {
        headers.push(("content-type", "application/xml".to_owned()));
        format!("<deviceAction><type>{action}</type></deviceAction>")
    } else {
        headers.push(("content-type", "application/json".to_owned()));
        format!("{{\"type\":\"{action}\"}}")
    };
    match &ask {
        Ask::Lock {
            lease: AskedLease::Seconds(seconds),
            ..
        } => headers.push(("timeout", format!("Second-{seconds}"))),
        Ask::Lock {
            lease: AskedLease::Endless,
            ..
        } => headers.push(("timeout", "Infinite".to_owned())),
        _ => {}
    }
    Call {
        wire: Wire {
            method: "POST",
            function: "lock-device",
            template: "/rest/{versionId}/inventory/deviceMgmt/devices/{deviceId}/action",
            parameters: vec![("versionId", "v1.3".to_owned()), ("deviceId", id_of(target))],
            query: String::new(),
            headers,
            body: Some(body),
        },
        parts: vec![(target.to_owned(), ask)],
        reader,
    }
}

/// Reads a device in the Session Delivery Manager dialect.
pub fn sdm_device(who: &Credentials, target: &str) -> Call {
    Call {
        wire: Wire {
            method: "GET",
            function: "devices",
            template: "/rest/{versionId}/inventory/deviceMgmt/devices/{deviceId}",
            parameters: vec![("versionId", "v1.3".to_owned()), ("deviceId", id_of(target))],
            query: String::new(),
            headers: vec![
                ("cookie", format!("JSESSIONID={}", who.sdm)),
                ("accept", "application/json".to_owned()),
            ],
            body: None,
        },
        parts: vec![(target.to_owned(), Ask::Read)],
        reader: Reader::SdmDevice,
    }
}

/// Locks or unlocks a user in the Aktion dialect, in JSON or XML.
pub fn aktion_lock(who: &Credentials, target: &str, locks: bool, in_xml: bool) -> Call {
    let (login, lock) = (id_of(target), u8::from(locks));
    let (media, body) = if in_xml {
        let body = format!("<Request><LoginName>{login}</LoginName><Lock>{lock}</Lock></Request>");
        ("application/xml", body)
    } else {
        (JSON.1, json!({"LoginName": login, "Lock": lock}).to_string())
    };
    let (ask, reader) = if locks {
        (plain_lock(), Reader::AktionLock)
    } else {
        (Ask::Unlock { fence: None }, Reader::AktionUnlock)
    };
    Call {
        wire: Wire {
            method: "POST",
            function: "lock-user",
            template: "/user/lock",
            parameters: vec![],
            query: format!("Token={}", who.aktion),
            headers: vec![("content-type", media.to_owned()), ("accept", JSON.1.to_owned())],
            body: Some(body),
        },
        parts: vec![(target.to_owned(), ask)],
        reader,
    }
}

/// Reads a user in the Aktion dialect.
pub fn aktion_user(who: &Credentials, target: &str) -> Call {
    Call {
        wire: Wire {
            method: "GET",
            function: "users",
            template: "/user/get",
            parameters: vec![],
            query: format!("LoginName={}&Token={}", id_of(target), who.aktion),
            headers: vec![("accept", JSON.1.to_owned())],
            body: None,
        },
        parts: vec![(target.to_owned(), Ask::Read)],
        reader: Reader::AktionUser,
    }
}

/// Locks or unlocks activity sessions with what belongs to them, in one change. `targets` are all locks in it.
pub fn netwrix_lock(
    who: &Credentials,
    sessions: &[String],
    scopes: [bool; 3],
    locks: bool,
    title: Option<String>,
    targets: Vec<String>,
) -> Call {
    let [activity, resource, user] = scopes;
    let body = json!({
        "activitySessionIds": sessions, "locked": locks, "lockTitle": title,
        "lockActivity": activity, "lockResource": resource, "lockUser": user,
    });
    let ask = if locks {
        Ask::Lock {
            lease: AskedLease::Keep,
            title,
            fence: None,
        }
    } else {
        Ask::Unlock { fence: None }
    };
    Call {
        wire: Wire {
            method: "PUT",
            function: "lock-activity-sessions",
            template: "/api/v1/ActivitySession/lock",
            parameters: vec![],
            query: String::new(),
            headers: bearer(who),
            body: Some(body.to_string()),
        },
        parts: targets.into_iter().map(|target| (target, ask.clone())).collect(),
        reader: if locks {
            Reader::NetwrixLock
        } else {
            Reader::NetwrixUnlock
        },
    }
}

fn bearer(who: &Credentials) -> Vec<(&'static str, String)> {
    vec![
        ("authorization", format!("Bearer {}", who.bearer)),
        ("content-type", JSON.1.to_owned()),
    ]
}

fn holdfast(
    who: &Credentials,
    target: &str,
    (method, function, template): (&'static str, &'static str, &'static str),
    query: String,
    body: Option<Value>,
) -> Wire {
    let (kind, id) = split(target);
    Wire {
        method,
        function,
        template,
        parameters: vec![("kind", kind.to_owned()), ("id", id.to_owned())],
        query,
        headers: bearer(who),
        body: body.map(|body| body.to_string()),
    }
}

const TARGET: &str = "/locks/{kind}/{id}";

/// Any question or change in Holdfast's own dialect.
pub fn own(who: &Credentials, target: &str, ask: Ask) -> Call {
    let (wire, reader) = match &ask {
        Ask::Lock { lease, title, fence } => {
            let mut body = json!({});
            match lease {
                AskedLease::Keep => {}
                AskedLease::Endless => body["seconds"] = Value::Null,
                AskedLease::Seconds(seconds) => body["seconds"] = json!(seconds),
            }
            if let Some(title) = title {
                body["title"] = json!(title);
            }
            if let Some(fence) = fence {
                body["fence"] = json!(fence);
            }
            let wire = holdfast(
                who,
                target,
                ("PUT", "hold-lock", TARGET),
                String::new(),
                Some(body),
            );
            (wire, Reader::Hold)
        }
        Ask::Unlock { fence } => {
            let query = fence.map_or_else(String::new, |fence| format!("fence={fence}"));
            (
                holdfast(who, target, ("DELETE", "hold-lock", TARGET), query, None),
                Reader::Release,
            )
        }
        Ask::Break {
            fence,
            take,
            hold_off,
            reason,
        } => {
            let then = if *take { "take" } else { "free" };
            let body = json!({"fence": fence, "reason": reason, "then": then, "holdOffSeconds": hold_off});
            let route = ("POST", "break-lock", "/locks/{kind}/{id}/break");
            (
                holdfast(who, target, route, String::new(), Some(body)),
                Reader::Break,
            )
        }
        Ask::Read => (
            holdfast(who, target, ("GET", "locks", TARGET), String::new(), None),
            Reader::Show,
        ),
        Ask::Check { fence } => {
            let (kind, id) = split(target);
            let body = json!({"held": [{"kind": kind, "id": id, "fence": fence}]});
            let wire = Wire {
                method: "POST",
                function: "locks",
                template: "/locks/check",
                parameters: vec![],
                query: String::new(),
                headers: bearer(who),
                body: Some(body.to_string()),
            };
            (wire, Reader::Check)
        }
    };
    Call {
        wire,
        parts: vec![(target.to_owned(), ask)],
        reader,
    }
}

/// A lock as it is asked for without anything.
pub fn plain_lock() -> Ask {
    Ask::Lock {
        lease: AskedLease::Keep,
        title: None,
        fence: None,
    }
}

impl Call {
    /// What an answer says of each target.
    pub fn read(&self, answer: &Answer) -> Vec<Part> {
        let body = answer.json();
        self.parts
            .iter()
            .map(|(target, ask)| Part {
                target: target.clone(),
                ask: ask.clone(),
                told: self.told(target, answer, &body),
            })
            .collect()
    }

    /// The same where there is no answer.
    pub fn unanswered(&self) -> Vec<Part> {
        self.parts
            .iter()
            .map(|(target, ask)| Part {
                target: target.clone(),
                ask: ask.clone(),
                told: Told::Unknown,
            })
            .collect()
    }

    fn told(&self, target: &str, answer: &Answer, body: &Value) -> Told {
        use OutcomeKind::{Acquired, AlreadyHeld, HeldBy, HeldOff, Released, Renewed, TenureOver, WasFree};
        if answer.status == 503 {
            return Told::Unknown;
        }
        match (self.reader, answer.status) {
            (Reader::SdmLock, 204) => Told::Ended(Ending {
                outcomes: vec![Acquired, Renewed, AlreadyHeld],
                fence: number(answer, "lock-fence"),
                lock: Shown::Present(ShownLock {
                    owner: None,
                    until: match answer.headers.get("timeout").map(String::as_str) {
                        Some("Infinite") => ShownEnd::Never,
                        Some(_) => ShownEnd::Sometime,
                        None => ShownEnd::Untold,
                    },
                    ..ShownLock::default()
                }),
                ..Ending::default()
            }),
            (Reader::SdmUnlock, 204) => Told::Ended(Ending {
                outcomes: vec![Released, WasFree],
                fence: number(answer, "lock-fence"),
                ..Ending::default()
            }),
            (Reader::SdmLock | Reader::SdmUnlock, 423) => {
                let last_break = shown_break(&body["broken"]);
                Told::Ended(Ending {
                    outcomes: vec![if last_break == Shown::Absent {
                        HeldBy
                    } else {
                        HeldOff
                    }],
                    lock: shown_lock(&body["lock"], false),
                    last_break: if last_break == Shown::Absent {
                        Shown::Untold
                    } else {
                        last_break
                    },
                    ..Ending::default()
                })
            }
            (Reader::SdmDevice, 200) => Told::Row(Row {
                fence: body["lock"]["fence"].as_u64(),
                lock: shown_lock(&body["lock"], false),
                last_break: Shown::Untold,
            }),
            (Reader::AktionLock | Reader::AktionUnlock, 200) => ended(if self.reader == Reader::AktionLock {
                vec![Acquired, Renewed]
            } else {
                vec![Released]
            }),
            (Reader::AktionLock, 403) => match body["Result"]["Code"].as_u64() {
                Some(0) => ended(vec![AlreadyHeld]),
                Some(4) => ended(vec![HeldBy, HeldOff]),
                _ => not_understood(),
            },
            (Reader::AktionUnlock, 403) => match body["Result"]["Code"].as_u64() {
                Some(0) => ended(vec![WasFree, TenureOver]),
                Some(4) => ended(vec![HeldBy]),
                _ => not_understood(),
            },
            (Reader::AktionUser, 200) => Told::Row(Row {
                lock: match (&body["Blocked"], body["BlockedBy"].as_str()) {
                    (Value::Bool(true), Some(owner)) => Shown::Present(ShownLock {
                        owner: Some(owner.to_owned()),
                        ..ShownLock::default()
                    }),
                    (Value::Bool(false), _) => Shown::Absent,
                    _ => Shown::Untold,
                },
                ..Row::default()
            }),
            (Reader::NetwrixLock, 200) => ended(vec![Acquired, Renewed, AlreadyHeld]),
            (Reader::NetwrixUnlock, 200) => ended(vec![Released, WasFree]),
            (Reader::NetwrixLock | Reader::NetwrixUnlock, 409) => in_the_way(target, body),
            (Reader::Hold | Reader::Release | Reader::Break | Reader::Show | Reader::Check, _) => {
                self.told_in_own_words(answer, body)
            }
            // An Aktion token ends after 20 seconds, and a caller without one is told nothing.
            (_, 401) => Told::Refused,
            _ => not_understood(),
        }
    }

    fn told_in_own_words(&self, answer: &Answer, body: &Value) -> Told {
        use OutcomeKind::{
            Acquired, AlreadyHeld, Broken, HeldBy, HeldOff, OtherTenure, Released, Renewed, TenureOver,
            WasFree, YourOwn,
        };
        let changed = body["changed"].as_bool();
        let lock = shown_lock(&body["lock"], true);
        match (self.reader, answer.status, changed) {
            (Reader::Hold, 201, Some(true)) | (Reader::Hold, 200, Some(_)) => Told::Ended(Ending {
                outcomes: vec![match (answer.status, changed) {
                    (201, _) => Acquired,
                    (_, Some(true)) => Renewed,
                    _ => AlreadyHeld,
                }],
                fence: body["lock"]["fence"].as_u64(),
                lock,
                ..Ending::default()
            }),
            (Reader::Release, 200, Some(changed)) => Told::Ended(Ending {
                outcomes: if changed {
                    vec![Released]
                } else {
                    vec![WasFree, TenureOver]
                },
                fence: body["fence"].as_u64(),
                ..Ending::default()
            }),
            (Reader::Break, 200, Some(true)) => Told::Ended(Ending {
                outcomes: vec![Broken],
                fence: body["fence"].as_u64(),
                lock,
                // A break that has lost a race may tell of the lock as it was before its latest renewal.
                broken: Shown::Present(ShownLock {
                    owner: body["broken"]["owner"].as_str().map(str::to_owned),
                    ..ShownLock::default()
                }),
                ..Ending::default()
            }),
            (Reader::Break, 200, Some(false)) => Told::Ended(Ending {
                outcomes: vec![TenureOver],
                fence: body["fence"].as_u64(),
                lock,
                ..Ending::default()
            }),
            (Reader::Show, 200, _) => Told::Row(Row {
                fence: body["fence"].as_u64(),
                lock,
                last_break: shown_break(&body["lastBreak"]),
            }),
            (Reader::Check, 200, _) => match body["current"][0].as_bool() {
                Some(current) => Told::Current(current),
                None => not_understood(),
            },
            // On a machine that was busy with something else, a round may outlast the code that its breaks need.
            (Reader::Break, 401, _) if body["type"] == "/problems/second-factor-too-old" => Told::Refused,
            (_, 409, _) => {
                let kind = match body["type"].as_str() {
                    Some("/problems/held-by-another") => HeldBy,
                    Some("/problems/held-off") => HeldOff,
                    Some("/problems/other-tenure") => OtherTenure,
                    Some("/problems/your-own-lock") => {
                        return Told::Ended(Ending {
                            outcomes: vec![YourOwn],
                            ..Ending::default()
                        });
                    }
                    _ => return not_understood(),
                };
                Told::Ended(Ending {
                    outcomes: vec![kind],
                    fence: body["lock"]["fence"].as_u64(),
                    lock,
                    last_break: if kind == HeldOff {
                        shown_break(&body["lastBreak"])
                    } else {
                        Shown::Untold
                    },
                    ..Ending::default()
                })
            }
            _ => not_understood(),
        }
    }
}

fn ended(outcomes: Vec<OutcomeKind>) -> Told {
    Told::Ended(Ending {
        outcomes,
        ..Ending::default()
    })
}

/// An answer that no request of the soak may get: no outcome at all.
fn not_understood() -> Told {
    ended(Vec::new())
}

fn number(answer: &Answer, header: &str) -> Option<u64> {
    answer.headers.get(header)?.parse().ok()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn time(value: &Value) -> Option<i64> {
    Timestamp::parse(value.as_str()?).map(Timestamp::unix_ms)
}

fn shown_lock(value: &Value, shows_texts: bool) -> Shown<ShownLock> {
    if !value.is_object() {
        return Shown::Absent;
    }
    Shown::Present(ShownLock {
        owner: text(&value["owner"]),
        since_ms: time(&value["since"]),
        until: time(&value["until"]).map_or(ShownEnd::Never, ShownEnd::At),
        texts: shows_texts.then(|| (text(&value["title"]), text(&value["message"]))),
    })
}

fn shown_break(value: &Value) -> Shown<ShownBreak> {
    if !value.is_object() {
        return Shown::Absent;
    }
    Shown::Present(ShownBreak {
        owner: text(&value["owner"]),
        fence: value["fence"].as_u64(),
        by: text(&value["by"]),
        at_ms: time(&value["at"]),
        reason: text(&value["reason"]),
    })
}

/// What a refused request for many locks says of one of them.
fn in_the_way(target: &str, body: &Value) -> Told {
    let (kind, id) = split(target);
    let (scope, id) = match kind {
        "activity-session" => ("activity", id.to_owned()),
        "access" => ("resource", id.replacen(':', "/", 1)),
        _ => ("user", id.to_owned()),
    };
    let Some(locks) = body["locks"].as_array() else {
        return not_understood();
    };
    let entry = locks
        .iter()
        .find(|entry| entry["scope"] == scope && entry["id"] == id.as_str());
    let Some(entry) = entry else {
        return Told::NotInTheWay;
    };
    let holds_off = entry["brokenBy"].is_string();
    let lock = if entry["owner"].is_string() {
        Shown::Present(ShownLock {
            owner: text(&entry["owner"]),
            since_ms: time(&entry["since"]),
            ..ShownLock::default()
        })
    } else {
        Shown::Absent
    };
    Told::Ended(Ending {
        outcomes: vec![if holds_off {
            OutcomeKind::HeldOff
        } else {
            OutcomeKind::HeldBy
        }],
        lock,
        last_break: if holds_off {
            Shown::Present(ShownBreak {
                by: text(&entry["brokenBy"]),
                at_ms: time(&entry["brokenAt"]),
                reason: text(&entry["reason"]),
                ..ShownBreak::default()
            })
        } else {
            Shown::Untold
        },
        ..Ending::default()
    })
}
