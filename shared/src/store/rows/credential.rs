use std::collections::HashMap;

use crate::failure::Corrupt;
use crate::id::{Company, Login};
use crate::secret::{ApiKeyHash, MalformedSecret, PasswordHash, Sealed, Step};
use crate::store::item::{n, s};
use crate::store::{Attributes, Item, Row, RowKey};

/// What a user authenticates with.
#[derive(Clone, Debug)]
pub(crate) struct CredentialRow {
    pub(crate) password_hash: PasswordHash,
    pub(crate) totp_secret: Option<Sealed>,
    pub(crate) totp_step: Option<Step>,
    pub(crate) api_key_hash: Option<ApiKeyHash>,
    /// One more with every change of the secrets: what was verified must still be so when a session is opened.
    pub(crate) secrets_rev: u64,
}

impl Row for CredentialRow {
    fn parse(item: Item) -> Result<Self, Corrupt> {
        let mut row = Attributes::new(item);
        Ok(Self {
            password_hash: PasswordHash::parse(&row.text("password_hash")?)
                .map_err(malformed("password_hash"))?,
            totp_secret: row
                .optional_text("totp_secret")?
                .as_deref()
                .map(Sealed::parse)
                .transpose()
                .map_err(malformed("totp_secret"))?,
            totp_step: row.optional_number("totp_step")?.map(Step::new),
            api_key_hash: row
                .optional_text("api_key_hash")?
                .as_deref()
                .map(ApiKeyHash::parse)
                .transpose()
                .map_err(malformed("api_key_hash"))?,
            secrets_rev: row.number("secrets_rev")?,
        })
    }
}

const fn malformed(attribute: &'static str) -> impl Fn(MalformedSecret) -> Corrupt {
    move |MalformedSecret| Corrupt { attribute }
}

/// A credential that is entered for the first time.
#[derive(Clone, Debug)]
pub struct NewCredential<'a> {
    /// The company of the user.
    pub company: &'a Company,
    /// The user.
    pub login: &'a Login,
    /// The hash of the password.
    pub password_hash: &'a PasswordHash,
    /// The secret of the second factor, sealed for the user, where there is one.
    pub totp_secret: Option<&'a Sealed>,
    /// The hash of the API key, where the user has one.
    pub api_key_hash: Option<&'a ApiKeyHash>,
}

impl NewCredential<'_> {
    /// The row as it is stored.
    #[must_use]
    pub fn to_item(&self) -> Item {
        let mut row = HashMap::from(
            [
                ("pk", s(RowKey::credential(self.login).pk())),
                ("company", s(self.company.as_str())),
                ("password_hash", s(self.password_hash.reveal())),
                ("secrets_rev", n(1)),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        if let Some(secret) = self.totp_secret {
            row.insert("totp_secret".to_owned(), s(secret.reveal()));
        }
        if let Some(hash) = self.api_key_hash {
            row.insert("api_key_hash".to_owned(), s(hash.reveal()));
        }
        row
    }
}
