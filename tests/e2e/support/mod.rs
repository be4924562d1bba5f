//! What the tests do: run the tool, look into the cluster, ask apps, make apps.

pub(crate) mod app;
pub(crate) mod cluster;
pub(crate) mod docker;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod oci;
pub(crate) mod tool;

use std::time::{Duration, Instant};

use serde_json::Value;

/// The cluster that the tests share; `tests/run` sets the same name for the tool.
pub(crate) const CLUSTER: &str = "e2e";

/// The shared cluster with the demo in it; returns the closing line.
pub(crate) fn up() -> Value {
    tool::run(&["up"]).ok().closing("up-finished")
}

/// The demo's URL in a closing line of `up`.
pub(crate) fn url_of(finished: &Value) -> String {
    finished["apps"][0]["url"].as_str().unwrap_or_else(|| panic!("no URL in {finished}")).to_owned()
}

/// Looks until there is something to see.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(began.elapsed() < limit, "after {} s still not: {what}", limit.as_secs());
        // What is looked at (processes, other programs' objects) offers nothing to be awaited.
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Where the tool unpacked its parts; the cluster remembers which ones it was set up with.
pub(crate) fn parts() -> std::path::PathBuf {
    let stamp = cluster::get(&["configmap", "-n", "spin-operator", "spinkube-dev"]);
    let digest = stamp["data"]["parts"].as_str().unwrap().to_owned();
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || std::path::PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"),
        std::path::PathBuf::from,
    );
    cache.join("spinkube-dev/parts").join(digest)
}

/// `localhost:PORT` of the registry that the cluster uses.
pub(crate) fn registry() -> String {
    let status = tool::run(&["status"]).ok().closing("status");
    status["registry"].as_str().unwrap_or_else(|| panic!("no registry in {status}")).to_owned()
}
