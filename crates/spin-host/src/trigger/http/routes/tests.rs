#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn routes(declared: &[&'static str]) -> Routes<&'static str> {
    let mut routes = Routes::new();
    for route in declared.iter().copied() {
        routes.add(route, route).unwrap();
    }
    routes
}

/// The declared route that a path leads to.
fn hit(routes: &Routes<&'static str>, path: &str) -> Option<&'static str> {
    routes.find(path).map(|m| *m.destination())
}

#[test]
fn exact_beats_named_beats_wildcard_and_longer_beats_shorter() {
    let all = routes(&["/...", "/a", "/a/...", "/a/b/...", "/a/:x", "/a/b/c"]);
    for (path, expected) in [
        ("/", "/..."),
        ("/z/z", "/..."),
        ("/a", "/a"),
        ("/a/", "/a"),
        ("/a/q", "/a/:x"),
        ("/a/b/c", "/a/b/c"),
        ("/a/b/d", "/a/b/..."),
        ("/a/q/r", "/a/..."),
    ] {
        assert_eq!(hit(&all, path), Some(expected), "{path}");
    }
}

#[test]
fn wildcards_match_their_prefix_and_everything_below() {
    for declared in ["/a/...", "/a/*"] {
        let mut all = Routes::new();
        all.add(declared, ()).unwrap();
        for (path, rest) in [("/a", ""), ("/a/", "/"), ("/a/b", "/b"), ("/a/b/", "/b/"), ("/a/b/c", "/b/c")] {
            assert_eq!(all.find(path).unwrap().path_info, rest, "{declared} {path}");
        }
        assert!(all.find("/ab").is_none() && all.find("/").is_none());
    }
}

#[test]
fn exact_routes_have_no_path_info() {
    let all = routes(&["/", "/x"]);
    assert_eq!(hit(&all, "/"), Some("/"));
    assert_eq!(hit(&all, "/y"), None);
    assert_eq!(all.find("/x").unwrap().path_info, "");
}

#[test]
fn named_segments() {
    let all = routes(&["/users/:user_id/posts/:post/..."]);
    let matched = all.find("/users/7/posts/hello/x").unwrap();
    assert_eq!(matched.named, [("user_id".to_owned(), "7".to_owned()), ("post".to_owned(), "hello".to_owned())]);
    assert_eq!(matched.path_info, "/x");
}

#[test]
fn the_same_route_again_replaces_the_first() {
    let all = routes(&["/a", "/b", "/a/", "a"]);
    assert_eq!(hit(&all, "/a"), Some("a"));
    assert_eq!(all.iter().map(ToString::to_string).collect::<Vec<_>>(), ["/a", "/b"]);
}

#[test]
fn guests_are_told_the_route_as_declared() {
    let all = routes(&["x/:id/...", "/"]);
    let route = all.find("/x/1").unwrap().route;
    assert_eq!((&route.matched, &route.raw, &route.prefix), (&hv("/x/:id/..."), &hv("x/:id/..."), &hv("x/:id")));
    assert_eq!(route.to_string(), "/x/:id (wildcard)");
    assert_eq!(all.find("/").unwrap().route.matched, "");
}

fn hv(text: &'static str) -> HeaderValue {
    HeaderValue::from_static(text)
}

#[test]
fn routes_outside_ascii_match_what_clients_send() {
    assert_eq!(hit(&routes(&["/grüße"]), "/gr%C3%BC%C3%9Fe"), Some("/grüße"));
}

#[test]
fn impossible_routes_are_refused() {
    let error = |route| Routes::new().add(route, ()).unwrap_err();
    insta::assert_snapshot!(error("/a/*/b"), @"has route `/a/*/b`, which has a wildcard that is not at its end; write `/a/b`, `/a/:name` or `/a/...`");
    insta::assert_snapshot!(error("/a/:"), @"has route `/a/:`, which params must be named; write `/a/b`, `/a/:name` or `/a/...`");
    insta::assert_snapshot!(error("/a\nb"), @r"
    has route `/a
    b`, which is not printable text; write `/a/b`, `/a/:name` or `/a/...`
    ");
}

proptest! {
    #[test]
    fn whatever_is_accepted_can_be_matched(route in "[/a-c.:*ü]{0,12}", path in "/[/a-c.:*%]{0,12}") {
        let mut all = Routes::new();
        if all.add(&route, ()).is_ok() {
            let _ = all.find(&path);
        }
    }

    #[test]
    fn a_catch_all_matches_every_path(path in "(/[a-z0-9%._-]{0,5}){0,5}") {
        let all = routes(&["/..."]);
        let path = if path.is_empty() { "/".to_owned() } else { path };
        prop_assert_eq!(hit(&all, &path), Some("/..."));
    }
}
