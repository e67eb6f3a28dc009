//! The members that a directory file may have. Its schema has the same, and a test holds both to that.

/// Of the file. `$schema` says where editors find the schema, and nothing of the directory.
pub const OF_FILE: &[&str] = &[
    "$schema",
    "companies",
    "users",
    "devices",
    "resources",
    "activity_sessions",
];

/// Of a company.
pub const OF_COMPANY: &[&str] = &["id", "name", "licences"];

/// Of a user.
pub const OF_USER: &[&str] = &[
    "company",
    "login",
    "name",
    "password",
    "password_hash",
    "totp_secret",
    "mfa",
    "api_key",
    "roles",
    "groups",
    "privileges",
    "record_group",
    "editable_groups",
    "ip_filter",
    "rate_policy",
    "sources",
    "system",
    "disabled",
];

/// Of a device.
pub const OF_DEVICE: &[&str] = &["company", "id", "name", "ip", "description"];

/// Of a resource.
pub const OF_RESOURCE: &[&str] = &["company", "id", "name"];

/// Of an activity session.
pub const OF_ACTIVITY_SESSION: &[&str] = &["company", "id", "user", "resource", "activity"];
