//! What the build links, as `Cargo.lock` fixes it.

const LOCK: &str = include_str!("../../Cargo.lock");
const CARGO_CONFIG: &str = include_str!("../../.cargo/config.toml");

fn versions(name: &str) -> Vec<&'static str> {
    LOCK.split("[[package]]")
        .filter(|package| package.contains(&format!("\nname = \"{name}\"\n")))
        .filter_map(|package| package.lines().find_map(|line| line.strip_prefix("version = ")))
        .map(|version| version.trim_matches('"'))
        .collect()
}

/// The SDK's default features bring hyper 0.14 and rustls 0.21 beside the current ones: megabytes and a second
/// set of security fixes to follow.
#[test]
fn there_is_one_tls_stack() {
    for name in ["hyper", "rustls", "tokio-rustls", "hyper-rustls", "h2"] {
        assert!(versions(name).len() <= 1, "{name}: {:?}", versions(name));
    }
    assert!(
        versions("rustls")
            .iter()
            .all(|version| version.starts_with("0.23."))
    );
    assert!(versions("hyper").iter().all(|version| version.starts_with("1.")));
    for name in ["openssl-sys", "native-tls"] {
        assert!(versions(name).is_empty(), "{name}");
    }
}

#[test]
fn the_build_leaves_jitter_entropy_out() {
    assert!(CARGO_CONFIG.contains("[env]"));
    assert!(
        CARGO_CONFIG
            .lines()
            .any(|line| line == "AWS_LC_SYS_NO_JITTER_ENTROPY = \"1\"")
    );
}
