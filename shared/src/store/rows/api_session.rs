use aws_sdk_dynamodb::types::AttributeValue;

use super::{SessionKind, SessionRow};
use crate::failure::Corrupt;
use crate::id::RequestId;
use crate::store::item::{n, s};
use crate::store::{Attributes, Item, RowKey, UserRow};

/// The session of an Aktion token, with what its user may do as of the sign-in.
#[derive(Clone, Debug)]
pub(crate) struct ApiSessionRow {
    pub(crate) session: SessionRow,
    pub(crate) roles: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) privileges: Vec<String>,
    pub(crate) editable_groups: Vec<String>,
    pub(crate) licences: Vec<String>,
    /// From where the user may call.
    pub(crate) ip_filter: String,
    /// The invocation that was counted last.
    pub(crate) last_request: Option<String>,
}

impl ApiSessionRow {
    /// Reads the row as the store hands it over; `None` for a session of another kind.
    pub(crate) fn parse(item: Item) -> Result<Option<Self>, Corrupt> {
        let mut row = Attributes::new(item);
        let session = SessionRow::take(&mut row)?;
        if session.kind != SessionKind::Aktion {
            return Ok(None);
        }
        Ok(Some(Self {
            session,
            roles: row.texts("roles")?,
            groups: row.texts("groups")?,
            privileges: row.texts("privileges")?,
            editable_groups: row.texts("editable_groups")?,
            licences: row.texts("licences")?,
            ip_filter: row.text("ip_filter")?,
            last_request: row.optional_text("last_request")?,
        }))
    }
}

/// A session of an Aktion token that begins: it has served no request.
#[derive(Clone, Debug)]
pub(crate) struct NewApiSession<'a> {
    pub(crate) session: &'a SessionRow,
    /// The user, whose privileges, groups and filter are copied.
    pub(crate) user: &'a UserRow,
    /// The agendas that the user's company has licences for.
    pub(crate) licences: &'a [String],
    /// How many requests the token serves.
    pub(crate) request_limit: u32,
}

impl NewApiSession<'_> {
    /// The row as it is stored.
    pub(crate) fn to_item(&self, key: &RowKey, request_id: &RequestId) -> Item {
        let texts = |texts: &[String]| AttributeValue::L(texts.iter().map(s).collect());
        let mut row = self.session.to_item(key, request_id);
        row.extend(
            [
                ("roles", texts(&self.user.roles)),
                ("groups", texts(&self.user.groups)),
                ("privileges", texts(&self.user.privileges)),
                ("editable_groups", texts(&self.user.editable_groups)),
                ("licences", texts(self.licences)),
                ("ip_filter", s(&self.user.ip_filter)),
                ("request_limit", n(self.request_limit)),
                ("served", n(0)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        row
    }
}
