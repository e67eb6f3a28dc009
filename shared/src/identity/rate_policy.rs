use std::fmt;
use std::str::FromStr;

/// How many requests a token serves in its 20 seconds: `requests/seconds`, for example `100/20`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RatePolicy {
    requests: u32,
}

/// A policy that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRatePolicy;

impl fmt::Display for InvalidRatePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a rate policy is <requests>/20, with at least one request")
    }
}

impl std::error::Error for InvalidRatePolicy {}

impl Default for RatePolicy {
    /// `100/20`.
    fn default() -> Self {
        Self { requests: 100 }
    }
}

impl RatePolicy {
    /// How many requests are served.
    #[must_use]
    pub const fn requests(self) -> u32 {
        self.requests
    }
}

impl fmt::Display for RatePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/20", self.requests)
    }
}

impl FromStr for RatePolicy {
    type Err = InvalidRatePolicy;

    fn from_str(text: &str) -> Result<Self, InvalidRatePolicy> {
        match text.split_once('/') {
            Some((requests, "20")) => requests
                .parse()
                .ok()
                .filter(|requests| *requests > 0)
                .map(|requests| Self { requests })
                .ok_or(InvalidRatePolicy),
            _ => Err(InvalidRatePolicy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_in_twenty_seconds() {
        assert_eq!("100/20".parse(), Ok(RatePolicy::default()));
        assert_eq!("1/20".parse::<RatePolicy>().unwrap().to_string(), "1/20");
        for text in [
            "",
            "100",
            "0/20",
            "100/60",
            "-1/20",
            "x/20",
            "100/20/20",
            "99999999999/20",
        ] {
            assert!(text.parse::<RatePolicy>().is_err(), "{text}");
        }
    }
}
