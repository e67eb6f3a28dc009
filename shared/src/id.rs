//! The names of things, checked where they enter: each has its own alphabet, so that a table key built from
//! them can be read in one way only.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use icu_normalizer::ComposingNormalizerBorrowed;

use uuid::Uuid;

use crate::lock::Owner;

pub use crate::lock::RequestId;

/// A name that breaks the rule of its kind; displays as one plain sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidId(&'static str);

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidId {}

/// What a lock can guard. The word is the same in keys, addresses, events and on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A user's access to a resource.
    Access,
    /// An activity session.
    ActivitySession,
    /// A network device.
    Device,
    /// A user account.
    User,
}

impl Kind {
    /// The first of them, in the order of lists.
    pub const FIRST: Self = Self::Access;
    const ALL: [Self; 4] = [Self::Access, Self::ActivitySession, Self::Device, Self::User];

    /// The kind that this word means.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// The one after it, in the order of lists.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind > self)
    }

    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::ActivitySession => "activity-session",
            Self::Device => "device",
            Self::User => "user",
        }
    }
}

/// A company: the border that no request crosses. `[A-Za-z0-9_-]{1,32}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Company(String);

impl Company {
    /// The company id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Company {
    type Error = InvalidId;

    fn try_from(text: &str) -> Result<Self, InvalidId> {
        let fits = (1..=32).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        fits.then(|| Self(text.to_owned()))
            .ok_or(InvalidId("a company id is 1 to 32 letters, digits, '_' or '-'"))
    }
}

/// A user's login: 1 to 100 characters without control characters, case-sensitive, unique across companies.
///
/// It is kept in Unicode's composed form (NFC), so that what looks the same is the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Login(String);

impl Login {
    /// The login as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the API gives the name another meaning: the caller (`me`), Holdfast itself (`system`) or its operators
    /// (`operator`, and `operator/<identity>` in the history). No user can be entered under such a name, and a lookup finds none.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        matches!(self.0.as_str(), "me" | "system" | "operator") || self.0.starts_with("operator/")
    }

    /// This user as the owner of a lock.
    #[must_use]
    pub fn to_owner(&self) -> Owner {
        Owner::new(self.0.clone())
    }
}

impl TryFrom<&str> for Login {
    type Error = InvalidId;

    fn try_from(text: &str) -> Result<Self, InvalidId> {
        const INVALID: InvalidId =
            InvalidId("a login is 1 to 100 characters, none of them a control character");
        // No character is composed of more than four. Composing puts accents in order, and 64 KiB of them take longer
        // than everything else in a request.
        if text.chars().nth(400).is_some() {
            return Err(INVALID);
        }
        let composed = ComposingNormalizerBorrowed::new_nfc().normalize(text);
        let fits = (1..=100).contains(&composed.chars().count()) && !composed.chars().any(char::is_control);
        fits.then(|| Self(composed.into_owned())).ok_or(INVALID)
    }
}

/// A network device: 1 to 128 printable ASCII characters except `/`, `?` and `#`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(String);

impl DeviceId {
    /// The device id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for DeviceId {
    type Error = InvalidId;

    fn try_from(text: &str) -> Result<Self, InvalidId> {
        let fits = (1..=128).contains(&text.len())
            && text
                .bytes()
                .all(|b| matches!(b, 0x20..=0x7e) && !matches!(b, b'/' | b'?' | b'#'));
        fits.then(|| Self(text.to_owned())).ok_or(InvalidId(
            "a device id is 1 to 128 printable ASCII characters other than '/', '?' and '#'",
        ))
    }
}

/// A UUID of its own kind, written in lower case with hyphens.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $id:ident, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $id(Uuid);

        impl $id {
            /// A new id of 122 random bits.
            #[must_use]
            pub fn random() -> Self {
                Self(Uuid::new_v4())
            }
        }

        impl TryFrom<&str> for $id {
            type Error = InvalidId;

            fn try_from(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId($rule))
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}
uuid_id!(
    /// A user's session on a resource.
    ActivitySessionId,
    "an activity session id is a UUID"
);
uuid_id!(
    /// A resource that activity sessions are opened on.
    ResourceId,
    "a resource id is a UUID"
);

/// Where a request comes from, as the gateway reports it.
///
/// As text, and so in a key, it is what guesses are counted by: an IPv4 address, the /64 of an IPv6 one (its holder has
/// all of it), or `unknown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source(Option<IpAddr>);

impl Source {
    /// The source with this address; without one it is unknown.
    #[must_use]
    pub fn new(address: Option<IpAddr>) -> Self {
        Self(address.map(|address| address.to_canonical()))
    }

    /// The address as a whole, where it is known.
    #[must_use]
    pub const fn address(self) -> Option<IpAddr> {
        self.0
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(IpAddr::V4(address)) => address.fmt(f),
            Some(IpAddr::V6(address)) => {
                let network = address.to_bits() & (u128::MAX << 64);
                Ipv6Addr::from_bits(network).fmt(f)
            }
            None => f.write_str("unknown"),
        }
    }
}

macro_rules! display_as_text {
    ($($id:ty),*) => {$(
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
display_as_text!(Company, Login, DeviceId, Kind);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_company_keeps_to_its_alphabet() {
        assert!(Company::try_from("Acme_1-x").is_ok());
        for bad in ["", "a/b", "ü", "a b", &"x".repeat(33)] {
            assert!(Company::try_from(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_login_is_composed_counted_in_characters_and_case_sensitive() {
        assert_eq!(
            Login::try_from("Zoe\u{308}").unwrap(),
            Login::try_from("Zo\u{eb}").unwrap()
        );
        assert_ne!(
            Login::try_from("alice").unwrap(),
            Login::try_from("Alice").unwrap()
        );
        assert!(Login::try_from("é".repeat(100).as_str()).is_ok());
        // U+1F82, the longest that there is.
        let four = "\u{3b1}\u{313}\u{300}\u{345}";
        assert_eq!(
            Login::try_from(four.repeat(100).as_str()).unwrap().as_str(),
            "\u{1f82}".repeat(100)
        );
        assert!(Login::try_from(four.repeat(101).as_str()).is_err());
        for bad in ["", "a\nb", "\u{7f}", &"x".repeat(101)] {
            assert!(Login::try_from(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn nobody_has_the_name_of_an_operator_or_of_the_service() {
        for (name, reserved) in [
            ("me", true),
            ("system", true),
            ("operator", true),
            ("operator/local/grace", true),
            ("operators", false),
            ("Operator", false),
        ] {
            assert_eq!(Login::try_from(name).unwrap().is_reserved(), reserved, "{name}");
        }
    }

    #[test]
    fn a_source_is_an_ipv4_address_or_the_64_bits_that_an_ipv6_address_begins_with() {
        let text = |address: &str| Source::new(address.parse().ok()).to_string();
        assert_eq!(text("192.0.2.1"), "192.0.2.1");
        assert_eq!(text("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(text("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(text("2001:db8:1:2::"), text("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(text("2001:db8:1:2::"), text("2001:db8:1:3::"));
        assert_eq!(text("nowhere"), "unknown");
        let whole = Source::new("2001:db8:1:2:3:4:5:6".parse().ok());
        assert_eq!(whole.address(), "2001:db8:1:2:3:4:5:6".parse().ok());
    }

    #[test]
    fn a_device_id_is_printable_ascii_that_no_url_cuts() {
        assert!(DeviceId::try_from("ID5 %2F~").is_ok());
        for bad in ["", "a/b", "a?b", "a#b", "a\u{7f}", "é", &"x".repeat(129)] {
            assert!(DeviceId::try_from(bad).is_err(), "{bad:?}");
        }
    }
}
