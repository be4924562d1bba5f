#![allow(clippy::unwrap_used)]

use std::{fmt::Write, fs, path::Path};

use super::{LockError, lock};
use crate::{
    locked::LockedApp,
    manifest::{Manifest, ManifestError},
};

const WASM: &[u8] = b"\0asm\x01\0\0\0";

/// A folder with an app of one component `a`, whose table also holds `lines`.
fn app(lines: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("app/assets/sub")).unwrap();
    for (path, content) in [
        ("app/a.wasm", WASM),
        ("app/text.txt", b"no wasm"),
        ("app/assets/index.html", b"<p>"),
        ("app/assets/sub/[x] y.css", b"css"),
        ("app/assets/sub/key.secret", b"s"),
        ("app/one.json", b"{}"),
        ("outside.txt", b"o"),
    ] {
        fs::write(dir.path().join(path), content).unwrap();
    }
    std::os::unix::fs::symlink("../outside.txt", dir.path().join("app/link.txt")).unwrap();
    let text = format!(
        "spin_manifest_version = 2\n[application]\nname = \"x\"\n[[trigger.http]]\nroute = \"/...\"\ncomponent = \"a\"\n\
         [component.a]\n{lines}\n"
    );
    fs::write(dir.path().join("app/spin.toml"), text).unwrap();
    dir
}

fn try_lock(dir: &Path) -> Result<LockedApp, LockError> {
    lock(&Manifest::load(&dir.join("app"))?, &dir.join("downloads"))
}

/// The guest's paths of the only component.
fn paths(lines: &str) -> Vec<String> {
    let dir = app(&format!("source = \"a.wasm\"\n{lines}"));
    let app = try_lock(dir.path()).unwrap();
    app.components[0].files.iter().map(|f| f.path.clone()).collect()
}

#[test]
fn the_locked_app_of_a_manifest() {
    let dir = app(
        "source = \"a.wasm\"\nfiles = [\"one.json\"]\nvariables = { who = \"{{ who }}\" }\nsqlite_databases = [\"default\"]\n\
         allowed_outbound_hosts = [\"http://b.spin.internal\"]\nenvironment = { A = \"1\" }\nbuild = { command = \"make\" }\n\
         [application.trigger.http]\nbase = \"/\"\n[variables]\nwho = { default = \"you\" }\n",
    );
    let json = String::from_utf8(try_lock(dir.path()).unwrap().to_json()).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json.replace(dir.path().to_str().unwrap(), "/DIR")).unwrap();
    insta::assert_json_snapshot!(json);
}

#[test]
fn files_keep_their_paths_or_move() {
    assert_eq!(paths("files = [\"one.json\", \"./one.json\"]"), ["one.json"]);
    assert_eq!(paths("files = [\"assets/*\"]"), ["assets/index.html"]);
    let all = ["assets/index.html", "assets/sub/[x] y.css", "assets/sub/key.secret"];
    assert_eq!(paths("files = [\"assets\"]"), all);
    assert_eq!(paths("files = [\"assets/**/*\"]"), all);
    let moved = "files = [{ source = \"assets\", destination = \"/\" }, { source = \"one.json\", destination = \"/etc/c.json\" }]";
    assert_eq!(paths(moved), ["etc/c.json", "index.html", "sub/[x] y.css", "sub/key.secret"]);
}

#[test]
fn excluded_files_stay_out_of_globs_and_folders() {
    assert_eq!(
        paths("files = [\"assets\"]\nexclude_files = [\"**/*.secret\", \"assets/sub/*.css\"]"),
        ["assets/index.html"]
    );
    // As in Spin, a pattern's `*` also matches `/` here.
    assert_eq!(paths("files = [\"assets\"]\nexclude_files = [\"assets/*\"]"), [""; 0]);
    assert_eq!(paths("files = [\"one.json\"]\nexclude_files = [\"one.json\"]"), ["one.json"]);
}

#[test]
fn each_error_names_its_cure() {
    let mut texts = String::new();
    for (name, lines) in [
        ("not built", "source = \"target/a.wasm\"\nbuild = { command = \"cargo build\", workdir = \"x\" }"),
        ("no build command", "source = \"target/a.wasm\""),
        ("no wasm", "source = \"text.txt\""),
        ("a folder", "source = \"assets\""),
        (
            "not downloaded",
            "source = { url = \"https://example.com/a.wasm\", digest = \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\" }",
        ),
        ("registry", "source = { package = \"a:b\", version = \"1.0.0\" }"),
        ("dependency", "source = \"a.wasm\"\ndependencies = { \"a:b\" = { path = \"b.wasm\" } }"),
        (
            "middleware",
            "source = \"a.wasm\"\n[[trigger.http]]\nid = \"m\"\ncomponent = \"a\"\ndependencies.middleware = [{ path = \"m.wasm\" }]",
        ),
        ("no such file", "source = \"a.wasm\"\nfiles = [\"assets/none.txt\"]"),
        ("no such source", "source = \"a.wasm\"\nfiles = [{ source = \"none\", destination = \"/\" }]"),
        ("leads out", "source = \"a.wasm\"\nfiles = [\"../outside.txt\"]"),
        ("absolute", "source = \"a.wasm\"\nfiles = [{ source = \"/etc/hostname\", destination = \"/h\" }]"),
        ("link leads out", "source = \"a.wasm\"\nfiles = [\"*.txt\"]"),
        ("file to a folder", "source = \"a.wasm\"\nfiles = [{ source = \"one.json\", destination = \"/\" }]"),
        ("bad pattern", "source = \"a.wasm\"\nfiles = [\"assets\"]\nexclude_files = [\"a***b\"]"),
    ] {
        let dir = app(lines);
        let error = try_lock(dir.path()).unwrap_err().to_string();
        writeln!(texts, "{name}\n    {}", error.replace(dir.path().to_str().unwrap(), "DIR")).unwrap();
    }
    insta::assert_snapshot!(texts);
}

#[test]
fn a_manifest_error_keeps_its_place() {
    let dir = app("source = \"a.wasm\"\nfiles = [\"none\"]");
    let LockError::Manifest(ManifestError::Invalid(invalid)) = try_lock(dir.path()).unwrap_err() else {
        unreachable!("a missing file is the manifest's fault")
    };
    assert_eq!((invalid.line, invalid.column), (9, 10));
}
