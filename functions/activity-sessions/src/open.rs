//! `POST /api/v1/ActivitySession`: a session is opened, unless a lock keeps its user out.

use holdfast::dialect::netwrix::{self, Refusal};
use holdfast::dialect::{Dialect, Faults, Fields};
use holdfast::failure::Failure;
use holdfast::id::{ActivitySessionId, Company, ResourceId};
use holdfast::identity::{BEARER_KINDS, identify, policy};
use holdfast::lock::Writer;
use holdfast::runtime::{self, App};
use holdfast::secret::Token;
use holdfast::store::{
    AccessRow, ActivitySessionRow, NewActivitySession, ResourceRow, Retries, Row, RowKey, UserRow,
};
use lambda_http::{Body, Request, Response};

use crate::view;

/// The longest name, in characters.
const MAX_NAME: usize = 256;
/// The longest note, in characters.
const MAX_NOTE: usize = 4_096;

/// What to open.
struct NewSession {
    resource: Resource,
    activity: String,
    note: Option<String>,
}

/// How the caller names the resource.
enum Resource {
    Id(ResourceId),
    Name(String),
}

pub(crate) async fn open(app: &App, request: &Request) -> Result<Response<Body>, Refusal> {
    let now = app.clock.now();
    let body = runtime::body(request);
    netwrix::media(request.headers(), body)?;
    let token = netwrix::bearer_token(request.headers())?;
    // What is wrong with the body is told only to a caller whose token holds.
    let wanted = parse(body);
    let named = wanted.as_ref().ok().map(|wanted| &wanted.resource);
    let resource = resource_id(app, &token, named).await?;
    let id = ActivitySessionId::random();
    let writer = Writer {
        actor: token.login().to_owner(),
        at: now,
        origin: runtime::origin(request, Dialect::Netwrix),
    };
    let mut retries = Retries::of_races();
    loop {
        let keys = resource.map(|id| [RowKey::resource(id), RowKey::access(id, token.login())]);
        let also = keys.as_ref().map(<[_; 2]>::as_slice).unwrap_or_default();
        let (caller, mut rows) = identify(&app.store, &token, &BEARER_KINDS, also, now).await?;
        policy::both_factors(&caller)?;
        let wanted = wanted
            .as_ref()
            .map_err(|errors| Refusal::Invalid(errors.clone()))?;
        let resource = match resource {
            Some(id) => rows.parse::<ResourceRow>(&RowKey::resource(id))?,
            None => None,
        };
        let resource = resource
            .filter(|resource| resource.company == *caller.company())
            .ok_or(Refusal::NotFound("There is no such managed resource."))?;
        let access = rows
            .take(&RowKey::access(resource.id, caller.login()))
            .map(|row| AccessRow::parse_for(caller.company(), row))
            .transpose()
            .map_err(Failure::from)?;
        if let Some(lock) = access.as_ref().and_then(|access| access.lock.state.live(now)) {
            return Err(Refusal::session_locked(lock));
        }
        let user: &UserRow = caller.user();
        let session = NewActivitySession {
            company: caller.company(),
            id,
            user: &user.login,
            user_name: &user.name,
            resource: resource.id,
            resource_name: &resource.name,
            activity: &wanted.activity,
            note: wanted.note.as_deref(),
        };
        let row = session.to_item(now);
        if app
            .store
            .open_activity_session(row.clone(), user, resource.id, now, &writer)
            .await?
        {
            let session = ActivitySessionRow::parse(row).map_err(Failure::from)?;
            let location = format!("/api/v1/ActivitySession/{id}");
            return Ok(netwrix::created(&view::session(&session, None, now), &location));
        }
        // A lock came between the read and the write. Where it is the account's, it says so itself.
        let user = app
            .store
            .read_one::<UserRow>(&RowKey::user(token.login()))
            .await?;
        if let Some(lock) = user.as_ref().and_then(|user| user.lock.state.live(now)) {
            return Err(Refusal::account_locked(lock));
        }
        if !retries.again().await {
            let lost = "TransactWriteItems: lost every race against locks";
            return Err(Failure::Unavailable(lost.to_owned()).into());
        }
    }
}

/// The id of the resource that is meant. A name costs a round trip of its own: it leads to the id.
async fn resource_id(
    app: &App,
    token: &Token,
    named: Option<&Resource>,
) -> Result<Option<ResourceId>, Refusal> {
    let company: &Company = token.company();
    match named {
        None => Ok(None),
        Some(Resource::Id(id)) => Ok(Some(*id)),
        Some(Resource::Name(name)) => {
            let key = RowKey::resource_name(company, name);
            let row = app.store.read(std::slice::from_ref(&key)).await?.take(&key);
            Ok(row
                .map(ResourceRow::id_of_name)
                .transpose()
                .map_err(Failure::from)?)
        }
    }
}

fn parse(body: &[u8]) -> Result<NewSession, Faults> {
    let members = netwrix::members(body)?;
    let mut fields = Fields::new(&members, netwrix::words);
    // An empty text is none.
    let mut text = |name, max| fields.optional_text(name, max).filter(|text| !text.is_empty());
    let (id, name) = (
        text("managedResourceId", MAX_NAME),
        text("managedResourceName", MAX_NAME),
    );
    let note = text("note", MAX_NOTE).map(str::to_owned);
    // Where a client sends both, the id is the resource and the name what it shows for it.
    let resource = match (id, name) {
        (Some(id), _) => match ResourceId::try_from(id) {
            Ok(id) => Some(Resource::Id(id)),
            Err(_) => fields.fault("managedResourceId", "The managedResourceId must be a UUID."),
        },
        (None, Some(name)) => Some(Resource::Name(name.to_owned())),
        (None, None) if fields.are_faultless() => fields.fault(
            "managedResourceName",
            "A managedResourceName or a managedResourceId is required.",
        ),
        (None, None) => None,
    };
    let activity = fields.required_text("activityName", MAX_NAME).to_owned();
    let (resource, activity) = fields.finish((resource, activity))?;
    // Without a fault there is a resource.
    let resource = resource.ok_or_else(Faults::new)?;
    Ok(NewSession {
        resource,
        activity,
        note,
    })
}
