use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// From where a user may call: addresses, CIDR blocks and `a-b` ranges, IPv4 or IPv6, separated by commas,
/// semicolons or blanks. An empty filter restricts nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpFilter(Vec<Range>);

/// A filter that cannot be read. It is refused, never ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidIpFilter;

impl fmt::Display for InvalidIpFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an IP filter is a list of addresses, CIDR blocks and a-b ranges")
    }
}

impl std::error::Error for InvalidIpFilter {}

/// From one address to another, both of one family, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range(IpAddr, IpAddr);

impl FromStr for IpFilter {
    type Err = InvalidIpFilter;

    fn from_str(text: &str) -> Result<Self, InvalidIpFilter> {
        text.split(|separator: char| matches!(separator, ',' | ';') || separator.is_whitespace())
            .filter(|entry| !entry.is_empty())
            .map(Range::from_str)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

impl FromStr for Range {
    type Err = InvalidIpFilter;

    fn from_str(entry: &str) -> Result<Self, InvalidIpFilter> {
        let address = |text: &str| {
            text.parse::<IpAddr>()
                .map(|ip| ip.to_canonical())
                .map_err(|_| InvalidIpFilter)
        };
        if let Some((from, to)) = entry.split_once('-') {
            let (from, to) = (address(from)?, address(to)?);
            // `IpAddr` orders every IPv4 address before every IPv6 one: such a range would be most of the world.
            if from.is_ipv4() == to.is_ipv4() && from <= to {
                Ok(Self(from, to))
            } else {
                Err(InvalidIpFilter)
            }
        } else if entry.contains('/') {
            let block: IpNet = entry.parse().map_err(|_| InvalidIpFilter)?;
            Ok(Self(block.network(), block.broadcast()))
        } else {
            address(entry).map(|ip| Self(ip, ip))
        }
    }
}

impl IpFilter {
    /// Whether a call from `source` is admitted; one from an unknown address only where nothing is restricted.
    #[must_use]
    pub fn admits(&self, source: Option<IpAddr>) -> bool {
        self.0.is_empty()
            || source.is_some_and(|source| {
                let source = source.to_canonical();
                self.0.iter().any(|Range(from, to)| {
                    from.is_ipv4() == source.is_ipv4() && *from <= source && source <= *to
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(filter: &str, source: &str) -> bool {
        filter.parse::<IpFilter>().unwrap().admits(source.parse().ok())
    }

    #[test]
    fn addresses_blocks_and_ranges_of_both_families() {
        let filter = "192.0.2.1, 198.51.100.0/24;203.0.113.5-203.0.113.9 2001:db8::/32\t::1";
        for source in [
            "192.0.2.1",
            "::ffff:192.0.2.1",
            "198.51.100.0",
            "198.51.100.255",
            "203.0.113.5",
            "203.0.113.9",
            "2001:db8:ffff::1",
            "::1",
        ] {
            assert!(admits(filter, source), "{source}");
        }
        for source in [
            "192.0.2.2",
            "198.51.101.0",
            "203.0.113.4",
            "203.0.113.10",
            "2001:db9::",
            "::2",
            "nowhere",
        ] {
            assert!(!admits(filter, source), "{source}");
        }
        assert!(admits("2001:db8::1-2001:db8::f", "2001:db8::a"));
        assert!(
            !admits("0.0.0.0/0", "::1"),
            "a block of one family holds none of the other"
        );
    }

    #[test]
    fn an_empty_filter_restricts_nothing() {
        for filter in ["", " ", ",;"] {
            assert!(admits(filter, "192.0.2.1") && admits(filter, "nowhere"));
        }
    }

    #[test]
    fn what_cannot_be_read_is_no_filter() {
        for filter in [
            "x",
            "192.0.2.1,x",
            "192.0.2.0/33",
            "192.0.2.9-192.0.2.1",
            "192.0.2.1-::1",
            "192.0.2.1 - 192.0.2.9",
            "-",
        ] {
            assert!(filter.parse::<IpFilter>().is_err(), "{filter}");
        }
    }
}
