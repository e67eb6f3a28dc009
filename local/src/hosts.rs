//! The names that the server answers for. A browser that follows any other name here does so for a page of that name's site,
//! which must not read what this server answers (DNS rebinding).

use std::net::{IpAddr, Ipv6Addr};

use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::uri::Authority;

/// Names that belong to this machine everywhere.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Which names those are.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    named: Vec<String>,
    any_address: bool,
}

impl Hosts {
    /// Beside this machine's own names those that its user has given. Where others reach the server, also every address: no site
    /// has an address for its name, so a page that asks for one is a page of this very server.
    pub(crate) const fn new(bind: IpAddr, named: Vec<String>) -> Self {
        Self {
            named,
            any_address: !bind.is_loopback(),
        }
    }

    /// Whether the request names this server, once and by such a name.
    pub(crate) fn has_named(&self, parts: &Parts) -> bool {
        let mut hosts = parts.headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return false;
        };
        let named: Option<Authority> = host.to_str().ok().and_then(|host| host.parse().ok());
        named.is_some_and(|host| self.has(&host))
            && parts.uri.authority().is_none_or(|authority| self.has(authority))
    }

    /// What somebody is told who asks for another name.
    pub(crate) const fn refusal(&self) -> &'static str {
        if self.any_address || !self.named.is_empty() {
            "This server answers for localhost, for addresses where it is bound to more than loopback, and for each --host."
        } else {
            "This server answers for localhost, 127.0.0.1 and [::1] alone."
        }
    }

    fn has(&self, authority: &Authority) -> bool {
        let host = authority.host();
        let mut own = LOOPBACK.into_iter().chain(self.named.iter().map(String::as_str));
        let is_address = || {
            let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
            v6.map_or_else(
                || host.parse::<IpAddr>().is_ok(),
                |v6| v6.parse::<Ipv6Addr>().is_ok(),
            )
        };
        own.any(|name| host.eq_ignore_ascii_case(name)) || (self.any_address && is_address())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn answered<'a>(hosts: &Hosts, names: &[&'a str]) -> Vec<&'a str> {
        let has = |name: &&&str| hosts.has(&name.parse().unwrap());
        names.iter().filter(has).copied().collect()
    }

    const NAMES: [&str; 8] = [
        "localhost:6500",
        "127.0.0.1",
        "[::1]:6500",
        "holdfast:6500",
        "HOLDFAST",
        "192.0.2.7:6500",
        "[2001:db8::7]",
        "evil.example",
    ];

    #[test]
    fn on_loopback_only_this_machine_is_meant() {
        let hosts = Hosts::new(Ipv4Addr::LOCALHOST.into(), Vec::new());
        assert_eq!(answered(&hosts, &NAMES), NAMES[..3]);
    }

    #[test]
    fn beyond_it_addresses_and_names_that_were_given_are_meant_and_no_others() {
        let hosts = Hosts::new(Ipv4Addr::UNSPECIFIED.into(), Vec::new());
        assert_eq!(
            answered(&hosts, &NAMES),
            [
                "localhost:6500",
                "127.0.0.1",
                "[::1]:6500",
                "192.0.2.7:6500",
                "[2001:db8::7]"
            ]
        );
        let hosts = Hosts::new(Ipv4Addr::UNSPECIFIED.into(), vec!["holdfast".to_owned()]);
        assert_eq!(answered(&hosts, &NAMES), NAMES[..7]);
        let hosts = Hosts::new(Ipv4Addr::LOCALHOST.into(), vec!["holdfast".to_owned()]);
        assert_eq!(answered(&hosts, &NAMES), NAMES[..5]);
    }
}
