//! `GET /locks?kind=&owner=&olderThan=&limit=&cursor=`

use std::time::Duration;

use holdfast::dialect::holdfast::{self as dialect, LockView, Refusal};
use holdfast::dialect::{Faults, ListName};
use holdfast::id::{Company, Kind, Login};
use holdfast::identity::{Principal, policy};
use holdfast::lock::Lock;
use holdfast::runtime::{self, App};
use holdfast::store::{LockShards, Lockable, PageRequest};
use lambda_http::http::StatusCode;
use lambda_http::{Body, Request, Response};
use serde::Serialize;

use crate::cursor::Cursor;

/// What is to be listed.
struct Wanted {
    kind: Option<Kind>,
    owner: Option<Login>,
    older_than: Option<Duration>,
    limit: usize,
    begin: Cursor,
}

/// A page of locks of one kind. It may be short, or empty, while a cursor follows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LockPage {
    locks: Vec<LockView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

pub(crate) async fn list(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let now = app.clock.now();
    let none = |_: &Company| Vec::new();
    let (principal, _) = runtime::principal(app, request, none, now).await?;
    let query = |name| runtime::query_parameter(request, name);
    let filters = [query("kind"), query("owner"), query("olderThan")];
    let [kind, owner, older_than] = filters;
    let name = [Some(principal.company.as_str()), kind, owner, older_than];
    let list = ListName(&name);
    let wanted = parse(request, filters, list, &principal)?;
    let is_own = wanted.owner.as_ref() == Some(&principal.login);
    // Without a kind the list has all of them.
    policy::see(&principal.rights, wanted.kind.unwrap_or(Kind::User), is_own)?;

    let kind = wanted.begin.kind;
    let part = PageRequest {
        limit: wanted.limit,
        after: wanted.begin.after,
    };
    let owner = wanted.owner.as_ref().map(Login::to_owner);
    let page = app
        .store
        .locks(&principal.company, kind, owner.as_ref(), &part, now)
        .await?;
    let reader = principal.owner();
    // Without the filter nothing is too young: the clock that a lock was taken by may be ahead of this one.
    let latest = wanted.older_than.map(|age| now.minus(age));
    let locks = page
        .entries
        .iter()
        .filter_map(|row| {
            let state = &row.record().state;
            let is_old = |lock: &&Lock| latest.is_none_or(|latest| lock.since <= latest);
            let lock = state.live(now).filter(is_old)?;
            let name = row.name();
            Some(LockView::new(&row.target(), name, lock, state.fence(), &reader))
        })
        .collect();
    let next = match page.next {
        Some(after) => Some(Cursor {
            kind,
            after: Some(after),
        }),
        None if wanted.kind.is_none() => kind.next().map(|kind| Cursor { kind, after: None }),
        None => None,
    };
    let page = LockPage {
        locks,
        next_cursor: next.map(|next| next.encode(list)),
    };
    Ok(dialect::respond(StatusCode::OK, &page))
}

/// Whether a place in the order can be that of a lock of `owner`. Anyone can make up a cursor: one before the owner's
/// locks would show somebody else's in the same shard.
fn is_place_of(owner: &Login, after: &str) -> bool {
    after
        .strip_prefix(&LockShards::order_of(&owner.to_owner()))
        .is_some_and(|since| since.starts_with(|first: char| first.is_ascii_digit()))
}

fn parse(
    request: &Request,
    [kind, owner, older_than]: [Option<&str>; 3],
    list: ListName<'_>,
    principal: &Principal,
) -> Result<Wanted, Refusal> {
    let mut faults = Faults::new();
    let mut fault = |name, rule: String| faults.push((name, rule));
    let kind = kind.map(|text| {
        Kind::parse(text).or_else(|| {
            let rule = "The kind must be access, activity-session, device or user.";
            fault("kind", rule.to_owned());
            None
        })
    });
    let owner = owner.map(|text| {
        if text == "me" {
            return Some(principal.login.clone());
        }
        Login::try_from(text)
            .inspect_err(|_| fault("owner", "The owner must be me or a login.".to_owned()))
            .ok()
    });
    let older_than = older_than.map(|text| {
        text.parse::<u32>()
            .inspect_err(|_| fault("olderThan", "The olderThan must be whole seconds.".to_owned()))
            .unwrap_or_default()
    });
    let limit = runtime::limit(request)
        .inspect_err(|rule| fault("limit", format!("The {rule}.")))
        .ok();
    let kind = kind.flatten();
    let first = Cursor {
        kind: kind.unwrap_or(Kind::FIRST),
        after: None,
    };
    let begin = runtime::query_parameter(request, "cursor")
        .map_or(Some(first), |text| Cursor::decode(text, list))
        .filter(|cursor| kind.is_none_or(|kind| kind == cursor.kind))
        .filter(
            |cursor| match (owner.as_ref().and_then(Option::as_ref), &cursor.after) {
                (Some(owner), Some(after)) => is_place_of(owner, after),
                _ => true,
            },
        );
    if begin.is_none() {
        let rule = "The cursor must be one that this very list has given.";
        fault("cursor", rule.to_owned());
    }
    match (limit, begin) {
        (Some(limit), Some(begin)) if faults.is_empty() => Ok(Wanted {
            kind,
            owner: owner.flatten(),
            older_than: older_than.map(|seconds| Duration::from_secs(seconds.into())),
            limit,
            begin,
        }),
        _ => Err(faults.into()),
    }
}
