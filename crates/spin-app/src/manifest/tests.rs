#![allow(clippy::unwrap_used)]

use std::{fmt::Write, path::Path};

use proptest::prelude::*;

use super::*;

const FULL: &str = include_str!("tests/full.toml");

fn parse(text: &str) -> Result<Manifest, ManifestError> {
    Manifest::parse(text, Path::new("app/spin.toml"))
}

/// A manifest that is right but for `lines` in the component.
fn with_component(lines: &str) -> String {
    format!(
        "spin_manifest_version = 2\n[application]\nname = \"x\"\n[[trigger.http]]\nroute = \"/\"\ncomponent = \"a\"\n\
         [component.a]\nsource = \"a.wasm\"\n{lines}\n"
    )
}

fn with_top(lines: &str) -> String {
    format!("spin_manifest_version = 2\n{lines}\n[application]\nname = \"x\"\n[[trigger.http]]\n")
}

/// Texts that are wrong in one way each: (name, text).
fn wrong() -> Vec<(&'static str, String)> {
    let component = |name, lines: &str| (name, with_component(lines));
    let text = |name, text: &str| (name, text.to_owned());
    vec![
        text("empty", ""),
        text("no TOML", "spin_manifest_version = 2\n[application\nname = 1\n"),
        text("duplicate key", "spin_manifest_version = 2\nspin_manifest_version = 2\n"),
        text("version 3", "spin_manifest_version = 3\n"),
        text("version 2 as a string", "spin_manifest_version = \"2\"\n"),
        text("no application", "spin_manifest_version = 2\n[[trigger.http]]\n"),
        text("no name", "spin_manifest_version = 2\n[application]\nversion = \"1\"\n[[trigger.http]]\n"),
        text("name is a number", "spin_manifest_version = 2\n[application]\nname = 5\n[[trigger.http]]\n"),
        text("no trigger", "spin_manifest_version = 2\n[application]\nname = \"x\"\n"),
        text("one bracket", "spin_manifest_version = 2\n[application]\nname = \"x\"\n[trigger.http]\nroute = \"/\"\n"),
        ("unknown table", with_top("[variable]")),
        ("default is a number", with_top("[variables]\nport = { default = 5 }")),
        ("required with default", with_top("[variables]\nport = { default = \"5\", required = true }")),
        ("neither", with_top("[variables]\nport = { secret = true }")),
        ("variable in kebab", with_top("[variables]\napi-key = { required = true }")),
        component("misspelt key", "alowed_outbound_hosts = []"),
        component("far from any key", "zzz = 1"),
        (
            "both names of the version",
            "spin_version = \"1\"\nspin_manifest_version = 2\n[application]\nname = \"x\"\n[[trigger.http]]\n"
                .to_owned(),
        ),
        component("source twice", "source = \"b.wasm\""),
        component("environment is no string", "environment = { A = 1 }"),
        component("files is a string", "files = \"a\""),
        component("file pattern is a dot", "files = [\"./.\"]"),
        component("destination leads out", "files = [{ source = \"a\", destination = \"/../b\" }]"),
        component("mount without destination", "files = [{ source = \"a\" }]"),
        component("old wildcard", "allowed_outbound_hosts = [\"insecure:allow-all\"]"),
        component("host without scheme", "allowed_outbound_hosts = [\"example.com\"]"),
        component("label", "key_value_stores = [\"my store\"]"),
        component("build without command", "[component.a.build]\nworkdir = \"x\""),
        component("absolute workdir", "build = { command = \"make\", workdir = \"/x\" }"),
        component("dependency of no form", "[component.a.dependencies]\n\"a:b/c\" = { pth = \"x\" }"),
        component("plain dependency", "[component.a.dependencies]\nlogger = \"1.0\""),
        component("dependency version", "[component.a.dependencies]\n\"a:b/c\" = \"one\""),
        component("export of a package", "[component.a.dependencies]\n\"a:b\" = { path = \"x\", export = \"y\" }"),
        component(
            "inherits twice",
            "dependencies_inherit_configuration = true\n[component.a.dependencies]\n\"a:b\" = { path = \"x\", inherit_configuration = true }",
        ),
        component("second trigger of no component", "[[trigger.http]]\ncomponent = \"b\""),
        component(
            "nearly a component",
            "[component.hello-rust]\nsource = \"x\"\n[[trigger.http]]\ncomponent = \"hello-rst\"",
        ),
        component("component id in snake", "[component.b_c]\nsource = \"x\""),
        component("same trigger id", "[[trigger.http]]\nid = \"t\"\n[[trigger.http]]\nid = \"t\""),
        component("source without digest", "[component.b]\nsource = { url = \"https://example.com/b.wasm\" }"),
        component(
            "short digest",
            "[component.b]\nsource = { url = \"https://example.com/b.wasm\", digest = \"sha256:12\" }",
        ),
        component("package version is a range", "[component.b]\nsource = { package = \"a:b\", version = \">=1\" }"),
        component("no source", "[component.b]\ndescription = \"x\""),
        text("after umlauts", "spin_manifest_version = 2\n[application]\nname = \"äöü\", x = 1\n"),
        text("version 1 without trigger", "spin_version = \"1\"\nname = \"x\"\n"),
        text(
            "version 1, same component",
            "spin_version = \"1\"\nname = \"x\"\ntrigger = { type = \"http\" }\n[[component]]\nid = \"a\"\nsource = \"a\"\n[component.trigger]\n[[component]]\nid = \"a\"\nsource = \"a\"\n[component.trigger]\n",
        ),
    ]
}

#[test]
fn every_error_says_where_what_and_what_else() {
    let mut texts = String::new();
    for (name, text) in wrong() {
        let error = parse(&text).err().unwrap_or_else(|| unreachable!("{name} is accepted"));
        writeln!(texts, "{name}\n    {error}").unwrap();
    }
    insta::assert_snapshot!(texts);
}

#[test]
fn a_report_shows_the_line() {
    let error = parse(&with_component("sorce = \"b.wasm\"")).unwrap_err();
    let mut report = String::new();
    let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::unicode_nocolor()).with_width(100);
    handler.render_report(&mut report, &error).unwrap();
    insta::assert_snapshot!(report);
}

#[test]
fn a_file_that_is_not_there() {
    let error = Manifest::load(Path::new("/nonexistent/spin.toml")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "can't read /nonexistent/spin.toml: No such file or directory (os error 2); run this in a folder that holds a spin.toml, or name one"
    );
}

#[test]
fn everything_that_a_manifest_may_say() {
    insta::assert_debug_snapshot!(parse(FULL).unwrap());
}

#[test]
fn version_1_becomes_version_2() {
    insta::assert_debug_snapshot!(parse(include_str!("tests/v1.toml")).unwrap());
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC*") {
        check(&text);
    }

    #[test]
    fn a_damaged_manifest_is_parsed_or_refused(at in 0..FULL.len(), cut in 0..40_usize, put in "[\\PC\n\"'\\[\\]{}=.]{0,6}") {
        let (start, end) = (floor(at), floor((at + cut).min(FULL.len())));
        check(&format!("{}{put}{}", &FULL[..start], &FULL[end..]));
    }
}

fn floor(mut index: usize) -> usize {
    while !FULL.is_char_boundary(index) {
        index -= 1;
    }
    index
}

/// Parses; an error can be shown, and points into the text.
fn check(text: &str) {
    if let Err(ManifestError::Invalid(error)) = parse(text) {
        assert!(error.line <= text.matches('\n').count() + 1);
        let mut report = String::new();
        miette::NarratableReportHandler::new().render_report(&mut report, error.as_ref()).unwrap();
    }
}
