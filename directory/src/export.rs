//! The tables as a directory file.

use holdfast::identity::RatePolicy;
use serde_json::{Map, Value as Json, json};

use crate::entry::{CompanyEntry, DeviceEntry, UserEntry};
use crate::field::Fields;
use crate::live::Live;

impl Live {
    /// The people and things as a directory file, in order and without secrets: a plan of it changes nothing. What a file need
    /// not say is left out, and so are activity sessions, which a file only opens.
    #[must_use]
    pub fn to_file(&self) -> Json {
        let companies: Vec<Json> = (self.companies.values())
            .filter(|row| !row.is_removed)
            .map(|row| company(&row.entry))
            .collect();
        let users: Vec<Json> = (self.users.values())
            .filter(|user| !user.row.is_removed)
            .map(|user| person(&user.row.entry))
            .collect();
        let devices: Vec<Json> = (self.devices.values())
            .filter(|row| !row.is_removed)
            .map(|row| device(&row.entry))
            .collect();
        let resources: Vec<Json> = (self.resources.values())
            .filter(|row| !row.is_removed)
            .map(|row| {
                let row = &row.entry;
                json!({"company": row.company.as_str(), "id": row.id.to_string(), "name": row.name})
            })
            .collect();
        json!({"companies": companies, "users": users, "devices": devices, "resources": resources})
    }
}

fn company(company: &CompanyEntry) -> Json {
    let known = [("id", company.id.as_str())];
    object(&known, company.fields(), "")
}

fn person(user: &UserEntry) -> Json {
    let known = [("company", user.company.as_str()), ("login", user.login.as_str())];
    let mut fields = user.fields();
    fields.retain(|(name, _)| match *name {
        "mfa" => !user.mfa_required,
        "rate_policy" => user.rate_policy != RatePolicy::default(),
        _ => true,
    });
    let mut file = object(&known, fields, user.login.as_str());
    if let (Some(true), Some(file)) = (user.disabled, file.as_object_mut()) {
        file.insert("disabled".to_owned(), true.into());
    }
    file
}

fn device(device: &DeviceEntry) -> Json {
    let known = [("company", device.company.as_str()), ("id", device.id.as_str())];
    object(&known, device.fields(), device.id.as_str())
}

/// An entry without what a reader of the file adds by itself: nothing, and the name that it has without one.
fn object(known: &[(&str, &str)], fields: Fields, usual_name: &str) -> Json {
    let mut file: Map<String, Json> = (known.iter())
        .map(|(name, value)| ((*name).to_owned(), (*value).into()))
        .collect();
    for (name, value) in fields {
        let is_usual = name == "name" && value.to_string() == usual_name;
        // A name that is there and empty is not the usual one.
        let is_needed = name == "name" && value.is_empty();
        if !is_usual && (is_needed || !value.is_empty()) {
            file.insert(name.to_owned(), value.to_json());
        }
    }
    Json::Object(file)
}
