//! Which imports this host knows by name.

/// How this host stands to an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// It is offered, whole or in part.
    Offered,
    /// It belongs to Spin's or WASI's platform, and isn't offered yet: it links, and traps when called.
    Named,
    /// Somebody else's.
    Unknown,
}

/// Packages that are offered in these versions (by the same major and minor).
const OFFERED: [(&str, &[&str]); 11] = [
    ("wasi:cli", &["0.2", "0.3.0"]),
    ("wasi:clocks", &["0.2", "0.3.0"]),
    ("wasi:filesystem", &["0.2", "0.3.0"]),
    ("wasi:http", &["0.2", "0.3.0"]),
    ("wasi:io", &["0.2"]),
    ("wasi:random", &["0.2", "0.3.0"]),
    ("wasi:sockets", &["0.2", "0.3.0"]),
    ("fermyon:spin/variables", &["2.0"]),
    ("fermyon:spin/key-value", &["2.0"]),
    // Types that other interfaces of the package share; nothing to call in them.
    ("fermyon:spin/rdbms-types", &["2.0"]),
    ("fermyon:spin/redis-types", &[]),
];

/// Packages of Spin's and WASI's platform in any version.
const NAMED: [&str; 21] = [
    "fermyon:spin",
    "spin:key-value",
    "spin:mqtt",
    "spin:mysql",
    "spin:postgres",
    "spin:redis",
    "spin:sqlite",
    "spin:variables",
    "spin:llm",
    "wasi:blobstore",
    "wasi:cli",
    "wasi:clocks",
    "wasi:config",
    "wasi:filesystem",
    "wasi:http",
    "wasi:io",
    "wasi:keyvalue",
    "wasi:logging",
    "wasi:otel",
    "wasi:random",
    "wasi:sockets",
];

/// Classifies an import's name, e.g. `wasi:http/types@0.2.10`.
pub(super) fn family(import: &str) -> Family {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    let package = interface.split('/').next().unwrap_or(interface);
    // Pre-releases never match a release.
    let offered = !version.contains('-')
        && OFFERED.iter().any(|(name, versions)| {
            (*name == package || *name == interface) && versions.iter().any(|v| version.starts_with(v))
        });
    match (offered, NAMED.contains(&package)) {
        (true, _) => Family::Offered,
        (false, true) => Family::Named,
        (false, false) => Family::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families() {
        for import in ["wasi:http/types@0.2.10", "wasi:cli/stdout@0.3.0", "fermyon:spin/variables@2.0.0"] {
            assert_eq!(family(import), Family::Offered, "{import}");
        }
        for import in [
            "fermyon:spin/llm@2.0.0",
            "fermyon:spin/http",
            "spin:postgres/postgres@4.2.0",
            "wasi:http/types@0.3.0-rc-2026-03-15",
            "wasi:config/store@0.2.0-draft-2024-09-27",
        ] {
            assert_eq!(family(import), Family::Named, "{import}");
        }
        for import in ["acme:db/sql", "wasi", "wasi:nn/tensor@0.2.0", ""] {
            assert_eq!(family(import), Family::Unknown, "{import}");
        }
    }
}
