#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn allowed(entries: &[&str]) -> AllowedHosts {
    AllowedHosts::parse(entries).unwrap()
}

fn problem(entry: &str) -> &'static str {
    AllowedHosts::parse([entry]).unwrap_err().problem
}

#[test]
fn names_schemes_and_ports() {
    let hosts = allowed(&["https://example.com", "http://example.com:8080", "redis://cache"]);
    assert!(hosts.allows("https", "example.com", None));
    assert!(hosts.allows("https", "EXAMPLE.com.", Some(443)));
    assert!(hosts.allows("http", "example.com", Some(8080)));
    assert!(hosts.allows("redis", "cache", Some(6379)));
    assert!(!hosts.allows("http", "example.com", None));
    assert!(!hosts.allows("https", "example.com", Some(444)));
    assert!(!hosts.allows("https", "www.example.com", None));
    assert!(!hosts.allows("https", "example.com.evil.org", None));
}

#[test]
fn wildcards() {
    let everything = allowed(&["*://*:*"]);
    assert!(everything.allows("mqtt", "anything", Some(1)));
    assert!(everything.allows_itself() && everything.allows_component("x"));
    let below = allowed(&["https://*.example.com"]);
    assert!(below.allows("https", "a.b.example.com", None));
    assert!(!below.allows("https", "example.com", None));
    assert!(!below.allows("https", ".example.com", None));
    assert!(!below.allows("https", "evilexample.com", None));
}

#[test]
fn port_ranges_end_before_their_end() {
    let hosts = allowed(&["http://a:8000..8010"]);
    assert!(hosts.allows("http", "a", Some(8000)) && hosts.allows("http", "a", Some(8009)));
    assert!(!hosts.allows("http", "a", Some(8010)) && !hosts.allows("http", "a", None));
}

#[test]
fn addresses_have_one_meaning_however_they_are_spelt() {
    let hosts = allowed(&["http://127.0.0.1:80", "http://[2001:db8::1]:80"]);
    assert!(hosts.allows("http", "127.0.0.1", None));
    assert!(hosts.allows("http", "[::ffff:127.0.0.1]", None));
    assert!(hosts.allows("http", "[2001:DB8:0::1]", None));
    // Spellings that resolvers accept and this list does not.
    for other in ["0x7f000001", "2130706433", "127.1", "0177.0.0.1", "localhost"] {
        assert!(!hosts.allows("http", other, None), "{other}");
    }
}

#[test]
fn ranges() {
    let hosts = allowed(&["tcp://10.0.0.0/8:6379", "http://192.168.0.0/16"]);
    assert!(hosts.allows_socket("tcp", "10.1.2.3:6379".parse().unwrap()));
    assert!(hosts.allows_socket("tcp", "[::ffff:10.1.2.3]:6379".parse().unwrap()));
    assert!(!hosts.allows_socket("udp", "10.1.2.3:6379".parse().unwrap()));
    assert!(!hosts.allows_socket("tcp", "10.1.2.3:6380".parse().unwrap()));
    assert!(!hosts.allows_socket("tcp", "11.1.2.3:6379".parse().unwrap()));
    assert!(hosts.allows("http", "192.168.7.7", None));
}

#[test]
fn sockets_want_addresses() {
    assert!(!allowed(&["tcp://localhost:80"]).allows_socket("tcp", "127.0.0.1:80".parse().unwrap()));
    assert!(allowed(&["tcp://127.0.0.1:80"]).allows_socket("tcp", "127.0.0.1:80".parse().unwrap()));
    assert!(allowed(&["*://*:*"]).allows_socket("udp", "1.2.3.4:53".parse().unwrap()));
    assert!(allowed(&[]).0.is_empty());
}

#[test]
fn the_app_itself_and_its_components() {
    let hosts = allowed(&["http://self", "http://back.spin.internal"]);
    assert!(hosts.allows_itself());
    assert!(hosts.allows_component("back") && !hosts.allows_component("front"));
    assert!(!hosts.allows("http", "self", None) && !hosts.allows("http", "back.spin.internal", None));
    assert!(allowed(&["http://*.spin.internal"]).allows_component("front"));
    assert!(!allowed(&["redis://self:1"]).allows_itself());
}

#[test]
fn empty_entries_are_left_out() {
    assert_eq!(allowed(&["", "http://", "https://", " "]), AllowedHosts::default());
}

#[test]
fn wrong_entries_are_named() {
    insta::assert_snapshot!(AllowedHosts::parse(["example.com"]).unwrap_err(), @"`example.com` in allowed_outbound_hosts has no scheme; write scheme://host:port, e.g. https://example.com or redis://10.0.0.0/8:6379");
    assert_eq!(problem("tcp://a"), "names no port, and its scheme has no usual one");
    assert_eq!(problem("*://a"), "names no port, and its scheme has no usual one");
    assert_eq!(problem("https://a/path"), "has a path, or a range that is none");
    assert_eq!(problem("https://a:x"), "has a port that is not a number, a range a..b, or `*`");
    assert_eq!(problem("https://a:10..5"), "has an empty port range (its end is not part of it)");
    assert_eq!(problem("https://a*b"), "has a `*` that does not stand for whole subdomains");
    assert_eq!(problem("https://{a,b}"), "has a list in braces, which is not supported (write one entry for each)");
    assert_eq!(problem("insecure:allow-all"), "is no longer accepted (`*://*:*` allows everything)");
    assert_eq!(problem("https://user@a"), "has a host that is no name and no address");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(entry in "\\PC*") {
        let _ = AllowedHosts::parse([entry]);
    }

    #[test]
    fn an_exact_entry_allows_itself_and_no_other_port(host in "[a-z]{1,10}(\\.[a-z]{1,5}){0,2}", port in 1u16..) {
        let hosts = AllowedHosts::parse([format!("http://{host}:{port}")]).unwrap();
        if !matches!(host.as_str(), "self" | "self.alt") && component_of(&host).is_none() {
            prop_assert!(hosts.allows("http", &host, Some(port)));
            prop_assert!(!hosts.allows("http", &host, Some(port.wrapping_add(1).max(1))) || port == u16::MAX && port.wrapping_add(1).max(1) == port);
        }
    }
}
