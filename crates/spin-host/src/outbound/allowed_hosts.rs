//! `allowed_outbound_hosts`: where a component may connect to.
//!
//! An entry is `scheme://host[:port]`. Contract: Spin's rules; everything not allowed is denied.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use thiserror::Error;

use super::network::{Network, canonical, parse_address};

/// Ports that go without saying.
const DEFAULT_PORTS: [(&str, u16); 6] =
    [("http", 80), ("https", 443), ("redis", 6379), ("mysql", 3306), ("postgres", 5432), ("mqtt", 1883)];

/// Suffix of names by which components of one app reach each other.
const INTERNAL: &str = ".spin.internal";

/// What one component may connect to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct AllowedHosts(Vec<Entry>);

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    /// `None` is any.
    scheme: Option<String>,
    host: Host,
    ports: Ports,
}

#[derive(Debug, PartialEq, Eq)]
enum Host {
    Any,
    Name(String),
    /// `*.domain`, kept as `.domain`.
    Below(String),
    Address(IpAddr),
    Network(Network),
    /// The app itself.
    Itself,
    /// One component of the app, or any.
    Component(Option<String>),
}

#[derive(Debug, PartialEq, Eq)]
enum Ports {
    Any,
    Within(Range<u32>),
}

/// An entry that can't be read.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "`{entry}` in allowed_outbound_hosts {problem}; write scheme://host:port, e.g. https://example.com or redis://10.0.0.0/8:6379"
)]
pub struct AllowedHostError {
    entry: String,
    problem: &'static str,
}

impl AllowedHosts {
    /// Parses entries whose templates are filled in. Entries that come out empty are left out.
    pub(crate) fn parse<S: AsRef<str>>(entries: impl IntoIterator<Item = S>) -> Result<Self, AllowedHostError> {
        let entries = entries.into_iter().filter_map(|entry| {
            let entry = entry.as_ref().trim();
            (!matches!(entry, "" | "http://" | "https://"))
                .then(|| Entry::parse(entry).map_err(|problem| AllowedHostError { entry: entry.to_owned(), problem }))
        });
        entries.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a URL of this scheme, host (as the URL spells it) and port may be opened.
    pub(crate) fn allows(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let port = port.or_else(|| default_port(scheme));
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        let address = parse_address(host);
        self.0.iter().any(|e| e.scheme_is(scheme) && e.ports.contain(port) && e.host.covers(host, address))
    }

    /// Whether a socket of this protocol (`tcp`, `udp`) may connect to the address.
    pub(crate) fn allows_socket(&self, protocol: &str, address: SocketAddr) -> bool {
        let ip = canonical(address.ip());
        self.0.iter().any(|e| {
            e.scheme_is(protocol)
                && e.ports.contain(Some(address.port()))
                && match &e.host {
                    Host::Any => true,
                    Host::Address(allowed) => *allowed == ip,
                    Host::Network(network) => network.contains(ip),
                    _ => false,
                }
        })
    }

    /// Whether any entry could ever allow a socket of this protocol.
    pub(crate) fn mentions(&self, protocol: &str) -> bool {
        self.0.iter().any(|e| e.scheme_is(protocol))
    }

    /// Whether the component may call the app's own routes.
    pub(crate) fn allows_itself(&self) -> bool {
        self.0.iter().any(|e| e.is_http() && matches!(e.host, Host::Itself | Host::Any))
    }

    /// Whether the component may call another component of the app in process.
    pub(crate) fn allows_component(&self, id: &str) -> bool {
        self.0.iter().any(|e| {
            e.is_http()
                && match &e.host {
                    Host::Any => true,
                    Host::Component(target) => target.as_deref().is_none_or(|t| t == id),
                    _ => false,
                }
        })
    }

    /// Components that entries name; `None` stands for any.
    pub(crate) fn components(&self) -> impl Iterator<Item = Option<&str>> {
        self.0.iter().filter_map(|e| match &e.host {
            Host::Component(id) => Some(id.as_deref()),
            _ => None,
        })
    }
}

/// The component that a host name of a URL addresses in process.
pub(crate) fn component_of(host: &str) -> Option<&str> {
    host.strip_suffix(INTERNAL)
}

impl Entry {
    fn parse(entry: &str) -> Result<Self, &'static str> {
        if entry == "insecure:allow-all" {
            return Err("is no longer accepted (`*://*:*` allows everything)");
        }
        let (scheme, rest) = entry.split_once("://").ok_or("has no scheme")?;
        let scheme = match scheme {
            "*" => None,
            _ if !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphabetic()) => {
                Some(scheme.to_ascii_lowercase())
            }
            _ => return Err("has a scheme that is not letters only"),
        };
        if rest.contains('{') {
            return Err("has a list in braces, which is not supported (write one entry for each)");
        }
        let (host, port) = split_port(rest)?;
        let host = Host::parse(host)?;
        let ports = match port {
            Some(port) => Ports::parse(port)?,
            None if matches!(host, Host::Itself | Host::Component(_)) => Ports::Any,
            None => {
                let scheme = scheme.as_deref().unwrap_or("*");
                let port = default_port(scheme).ok_or("names no port, and its scheme has no usual one")?;
                Ports::Within(u32::from(port)..u32::from(port) + 1)
            }
        };
        Ok(Self { scheme, host, ports })
    }

    fn scheme_is(&self, scheme: &str) -> bool {
        self.scheme.as_deref().is_none_or(|s| s.eq_ignore_ascii_case(scheme))
    }

    fn is_http(&self) -> bool {
        self.scheme_is("http") || self.scheme_is("https")
    }
}

/// Splits `host[:port]`, where the host may be a range (`10.0.0.0/8`) or bracketed IPv6, and a slash that
/// only closes the URL is dropped.
fn split_port(rest: &str) -> Result<(&str, Option<&str>), &'static str> {
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if let Some(inner) = rest.strip_prefix('[') {
        let end = inner.find(']').ok_or("opens a bracket and never closes it")?;
        let after = &inner[end + 1..];
        let host = &inner[..end];
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err("has something other than a port after its address"),
        };
    }
    match rest.rsplit_once(':') {
        // More than one colon without brackets: an IPv6 address or range without a port.
        Some((host, _)) if host.contains(':') => Ok((rest, None)),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((rest, None)),
    }
}

impl Host {
    fn parse(host: &str) -> Result<Self, &'static str> {
        if let Some(address) = parse_address(host) {
            return Ok(Self::Address(address));
        }
        if host.contains('/') {
            return Network::parse(host).map(Self::Network).ok_or("has a path, or a range that is none");
        }
        let host = host.to_ascii_lowercase();
        match host.as_str() {
            "" => return Err("has no host"),
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::Itself),
            _ => {}
        }
        if let Some(id) = host.strip_suffix(INTERNAL) {
            return Ok(Self::Component((id != "*").then(|| id.to_owned())));
        }
        if let Some(domain) = host.strip_prefix('*') {
            return match domain.strip_prefix('.') {
                Some(rest) if !rest.is_empty() && !rest.contains('*') => Ok(Self::Below(domain.to_owned())),
                _ => Err("has a `*` that does not stand for whole subdomains"),
            };
        }
        if host.contains('*') {
            return Err("has a `*` that does not stand for whole subdomains");
        }
        if host.contains(|c: char| c.is_whitespace() || "@?#\\".contains(c)) {
            return Err("has a host that is no name and no address");
        }
        Ok(Self::Name(host))
    }

    fn covers(&self, host: &str, address: Option<IpAddr>) -> bool {
        match self {
            Self::Any => true,
            Self::Name(name) => name == host,
            Self::Below(domain) => host.len() > domain.len() && host.ends_with(domain.as_str()),
            Self::Address(allowed) => address == Some(*allowed),
            Self::Network(network) => address.is_some_and(|a| network.contains(a)),
            Self::Itself | Self::Component(_) => false,
        }
    }
}

impl Ports {
    fn parse(port: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "has a port that is not a number, a range a..b, or `*`";
        if port == "*" {
            return Ok(Self::Any);
        }
        if let Some((from, to)) = port.split_once("..") {
            let from: u16 = from.parse().map_err(|_| WRONG)?;
            let to: u16 = to.parse().map_err(|_| WRONG)?;
            if from >= to {
                return Err("has an empty port range (its end is not part of it)");
            }
            return Ok(Self::Within(u32::from(from)..u32::from(to)));
        }
        let port: u16 = port.parse().map_err(|_| WRONG)?;
        Ok(Self::Within(u32::from(port)..u32::from(port) + 1))
    }

    fn contain(&self, port: Option<u16>) -> bool {
        match self {
            Self::Any => true,
            Self::Within(range) => port.is_some_and(|p| range.contains(&u32::from(p))),
        }
    }
}

fn default_port(scheme: &str) -> Option<u16> {
    DEFAULT_PORTS.iter().find(|(name, _)| name.eq_ignore_ascii_case(scheme)).map(|(_, port)| *port)
}

#[cfg(test)]
mod tests;
