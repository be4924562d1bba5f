//! Which route a path belongs to.

use std::fmt::{self, Write as _};

use http::HeaderValue;
use routefinder::{RouteSpec, Router, Segment};
use thiserror::Error;

/// A route that can't be matched.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("has route `{route}`, which {problem}; write `/a/b`, `/a/:name` or `/a/...`")]
pub struct RouteError {
    route: String,
    problem: String,
}

/// The routes of an application, each leading to a `T`.
pub(super) struct Routes<T> {
    router: Router<usize>,
    routes: Vec<(Route, T)>,
}

/// A route and what guests are told about it.
pub(super) struct Route {
    /// Normalised: a leading slash and no trailing one.
    based: String,
    wildcard: bool,
    /// `spin-matched-route`.
    pub(super) matched: HeaderValue,
    /// `spin-raw-component-route`.
    pub(super) raw: HeaderValue,
    /// `spin-component-route`.
    pub(super) prefix: HeaderValue,
}

/// A path on its route.
pub(super) struct Matched<'a, T> {
    pub(super) route: &'a Route,
    destination: &'a T,
    /// What a trailing wildcard stands for, with its slashes; empty for exact hits.
    pub(super) path_info: String,
    /// Named segments and what they stand for.
    pub(super) named: Vec<(String, String)>,
}

impl<T> Matched<'_, T> {
    pub(super) fn destination(&self) -> &T {
        self.destination
    }
}

impl<T> Routes<T> {
    pub(super) fn new() -> Self {
        Self { router: Router::new(), routes: Vec::new() }
    }

    /// Adds a route as declared. The same route again replaces the earlier one.
    pub(super) fn add(&mut self, declared: &str, destination: T) -> Result<(), RouteError> {
        let error = |problem: String| RouteError { route: declared.to_owned(), problem };
        let route = Route::new(declared).ok_or_else(|| error("is not printable text".to_owned()))?;
        if let Some(same) = self.routes.iter_mut().find(|(r, _)| r.based == route.based) {
            *same = (route, destination);
            return Ok(());
        }
        let spec = match route.based.strip_suffix("/...") {
            Some(prefix) => format!("{prefix}/*"),
            None => route.based.clone(),
        };
        let spec: RouteSpec = encode(&spec).parse().map_err(error)?;
        check(&spec).map_err(|problem| error(problem.to_owned()))?;
        self.router.add(spec, self.routes.len()).map_err(|never| error(format!("{never}")))?;
        self.routes.push((route, destination));
        Ok(())
    }

    /// The best route for a path: exact beats named, named beats wildcard, a longer prefix beats a
    /// shorter.
    pub(super) fn find(&self, path: &str) -> Option<Matched<'_, T>> {
        let best = self.router.best_match(path)?;
        let (route, destination) = self.routes.get(*best.handler())?;
        let captures = best.captures();
        let path_info = captures.wildcard().map(|rest| path_info(rest, path)).unwrap_or_default();
        let named = captures.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some(Matched { route, destination, path_info, named })
    }

    /// In the order of declaration.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(|(route, _)| route)
    }
}

impl Route {
    fn new(declared: &str) -> Option<Self> {
        let based = normalize(declared);
        let value = |text: &str| HeaderValue::from_str(text).ok();
        Some(Self {
            wildcard: based.ends_with("/...") || based.ends_with("/*"),
            matched: value(&based)?,
            raw: value(declared)?,
            prefix: value(declared.strip_suffix("/...").unwrap_or(declared))?,
            based,
        })
    }

    /// The normalised route.
    pub(super) fn based(&self) -> &str {
        &self.based
    }
}

impl fmt::Display for Route {
    /// As Spin lists it at start.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wildcard = self.based.strip_suffix("/...").or_else(|| self.based.strip_suffix("/*"));
        match wildcard.filter(|_| self.wildcard) {
            Some(prefix) => write!(f, "{prefix} (wildcard)"),
            None => f.write_str(&self.based),
        }
    }
}

/// Adds a missing leading slash, drops one trailing slash.
pub(super) fn normalize(declared: &str) -> String {
    let route = if declared.starts_with('/') { declared.to_owned() } else { format!("/{declared}") };
    route.strip_suffix('/').map(str::to_owned).unwrap_or(route)
}

/// The rest of a path after a wildcard's prefix. The router trims slashes; guests expect them.
fn path_info(rest: &str, path: &str) -> String {
    let slash = path.ends_with('/');
    match (rest.is_empty(), slash) {
        (true, false) => String::new(),
        (true, true) => "/".to_owned(),
        (false, false) => format!("/{rest}"),
        (false, true) => format!("/{rest}/"),
    }
}

/// Clients send paths percent-encoded.
fn encode(route: &str) -> String {
    let mut encoded = String::with_capacity(route.len());
    for byte in route.bytes() {
        if byte.is_ascii() {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Refuses what the router accepts and then can't match.
fn check(spec: &RouteSpec) -> Result<(), &'static str> {
    let segments = spec.segments();
    let misplaced = segments.iter().rev().skip(1).any(|s| matches!(s, Segment::Wildcard));
    if misplaced { Err("has a wildcard that is not at its end") } else { Ok(()) }
}

#[cfg(test)]
mod tests;
