//! Apps to deploy, made in a folder of their own.

use std::{fs, path::PathBuf, process::Command};

use tempfile::TempDir;

use super::tool::{Outcome, Tool, program};

/// An app's folder, and the app in the shared cluster once it is deployed; both go with this value.
pub(crate) struct App {
    pub(crate) name: String,
    dir: TempDir,
}

impl App {
    /// An app that runs the demo's component, with `[variables]` of its own.
    pub(crate) fn hello(name: &str, variables: &str) -> Self {
        Self::with_code(name, variables, &demo_component())
    }

    /// An app that runs these bytes.
    pub(crate) fn with_code(name: &str, variables: &str, code: &[u8]) -> Self {
        let app = Self { name: name.into(), dir: tempfile::tempdir().unwrap() };
        app.write_manifest(&format!("[variables]\n{variables}\n"), "");
        fs::write(app.dir.path().join("main.wasm"), code).unwrap();
        app
    }

    /// An app whose component is not there, with what the manifest says of its build.
    pub(crate) fn without_code(name: &str, build: &str) -> Self {
        let app = Self { name: name.into(), dir: tempfile::tempdir().unwrap() };
        app.write_manifest("", build);
        app
    }

    /// Other code for the next deploy.
    pub(crate) fn replace_code(&self, code: &[u8]) {
        fs::write(self.dir.path().join("main.wasm"), code).unwrap();
    }

    /// Any text as the manifest.
    pub(crate) fn replace_manifest(&self, text: &str) -> PathBuf {
        let path = self.dir.path().join("spin.toml");
        fs::write(&path, text).unwrap();
        path
    }

    fn write_manifest(&self, variables: &str, build: &str) {
        let greetee = if variables.contains("greetee") { "variables = { greetee = \"{{ greetee }}\" }\n" } else { "" };
        self.replace_manifest(&format!(
            "spin_manifest_version = 2\n[application]\nname = \"{}\"\nversion = \"0.1.0\"\n{variables}\
             [[trigger.http]]\nroute = \"/...\"\ncomponent = \"main\"\n\
             [component.main]\nsource = \"main.wasm\"\n{greetee}{build}",
            self.name
        ));
    }

    pub(crate) fn path(&self) -> &str {
        self.dir.path().to_str().unwrap()
    }

    pub(crate) fn deploy(&self, flags: &[&str]) -> Outcome {
        Tool::new(&[&["deploy", self.path()], flags].concat()).run()
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // Most tests' apps are in the default namespace, if anywhere. A broken one that stays would hold others up.
        drop(Command::new(program()).args(["delete", "--quiet", &self.name]).output());
    }
}

/// The URL in the closing line of `deploy`.
#[track_caller]
pub(crate) fn url_of(deployed: &Outcome) -> String {
    let closing = deployed.closing("deployed");
    closing["url"].as_str().unwrap_or_else(|| panic!("no URL in {closing}")).to_owned()
}

/// The component of the demo beside the program under test. It greets the variable `greetee` at `/`.
pub(crate) fn demo_component() -> Vec<u8> {
    let demo = program().parent().unwrap().join("demo");
    let manifest: toml::Table = fs::read_to_string(demo.join("spin.toml")).unwrap().parse().unwrap();
    let source = manifest["component"]["hello-rust"]["source"].as_str().unwrap();
    fs::read(demo.join(source)).unwrap()
}

/// `(component)`: valid, and nothing in it.
pub(crate) const EMPTY_COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
