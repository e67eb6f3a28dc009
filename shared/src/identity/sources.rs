use std::net::IpAddr;

use crate::failure::Corrupt;
use ipnet::IpNet;

/// From where a user signs in as no stranger: addresses and CIDR blocks, IPv4 or IPv6.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(Vec<IpNet>);

impl Sources {
    /// Reads a list.
    ///
    /// # Errors
    /// [`Corrupt`] where an entry is neither an address nor a block: it is refused, never ignored.
    pub fn parse(entries: &[String]) -> Result<Self, Corrupt> {
        entries
            .iter()
            .map(|entry| block(entry))
            .collect::<Option<_>>()
            .map(Self)
            .ok_or(Corrupt { attribute: "sources" })
    }

    /// Whether an address is one of them. An empty list contains none.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|block| block.contains(&address))
    }
}

fn block(entry: &str) -> Option<IpNet> {
    match entry.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address.to_canonical())),
        Err(_) => entry.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contain(entries: &[&str], address: &str) -> bool {
        let entries: Vec<String> = entries.iter().map(|entry| (*entry).to_owned()).collect();
        Sources::parse(&entries)
            .unwrap()
            .contain(address.parse().unwrap())
    }

    #[test]
    fn addresses_and_blocks_of_both_families() {
        let entries = [
            "192.0.2.1",
            "198.51.100.0/24",
            "::ffff:203.0.113.5",
            "2001:db8::/32",
        ];
        for address in ["192.0.2.1", "198.51.100.255", "203.0.113.5", "2001:db8:ffff::1"] {
            assert!(contain(&entries, address), "{address}");
        }
        for address in ["192.0.2.2", "198.51.101.0", "203.0.113.6", "2001:db9::"] {
            assert!(!contain(&entries, address), "{address}");
        }
        assert!(!contain(&[], "192.0.2.1"), "an empty list is nowhere");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for entry in [
            "",
            "x",
            "192.0.2.0/33",
            "192.0.2.1-192.0.2.9",
            "192.0.2.1, 192.0.2.2",
        ] {
            assert!(Sources::parse(&[entry.to_owned()]).is_err(), "{entry:?}");
        }
    }
}
