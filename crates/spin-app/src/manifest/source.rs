//! `source` and `files` of a component: where bytes come from.

use super::{
    error::{Problem, problem},
    model::{FileMount, Located, Source},
    reader::{Entry, Reader},
};

const FORMS: &str = r#""path/to/file.wasm", { url = "https://...", digest = "sha256:..." } or { package = "ns:name", version = "1.2.3" }"#;

/// Reads a `source`.
pub(super) fn source(entry: &Entry<'_>) -> Result<Located<Source>, Problem> {
    let span = entry.span();
    if let Some(path) = entry.node.as_str() {
        if path.is_empty() {
            return Err(problem(span, "`source` is empty", FORMS));
        }
        return Ok(Located { value: Source::Local(path.to_owned()), span });
    }
    let mut table = entry.table("`source`", FORMS)?;
    let value = if let Some(url) = table.string("url")? {
        let digest = digest(&mut table)?;
        Source::Remote { url: url.value, digest }
    } else if let Some(package) = table.string("package")? {
        package_name(&package)?;
        let version = table.require("version", "the exact version, e.g. version = \"1.2.3\"")?.string()?;
        if let Err(error) = semver::Version::parse(&version) {
            let found = format!("version {:?} ({error})", version.value);
            return Err(problem(version.span, found, "an exact semantic version, e.g. \"1.2.3\""));
        }
        let registry = table.string("registry")?.map(|r| r.value);
        Source::Registry { registry, package: package.value, version: version.value }
    } else {
        return Err(problem(span, "`source` names neither a `url` nor a `package`", FORMS));
    };
    table.finish()?;
    Ok(Located { value, span })
}

/// Reads the `digest` that a `url` needs.
pub(super) fn digest(table: &mut Reader<'_>) -> Result<String, Problem> {
    const EXPECTED: &str = "`digest`, the SHA-256 of the file: \"sha256:\" and 64 hexadecimal digits";
    let digest = table.require("digest", EXPECTED)?.string()?;
    match digest.value.strip_prefix("sha256:") {
        Some(hex) if hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => Ok(digest.value.to_lowercase()),
        _ => Err(problem(digest.span, format!("digest {:?}", digest.value), EXPECTED)),
    }
}

/// Checks `namespace:name`.
pub(super) fn package_name(package: &Located<String>) -> Result<(), Problem> {
    let kebab = |part: &str| super::id::Id::Kebab.matches(part);
    match package.split_once(':') {
        Some((namespace, name)) if kebab(namespace) && kebab(name) => Ok(()),
        _ => Err(problem(package.span.clone(), format!("package {:?}", package.value), "\"namespace:name\"")),
    }
}

/// Reads an entry of `files`.
pub(super) fn file_mount(entry: &Entry<'_>) -> Result<Located<FileMount>, Problem> {
    const FORMS: &str = r#""path/or/glob/*" or { source = "dir", destination = "/guest/path" }"#;
    let span = entry.span();
    if let Some(pattern) = entry.node.as_str() {
        if matches!(pattern.rsplit('/').next(), Some("." | "..")) {
            let error = problem(span, format!("file pattern {pattern:?}"), "a file, a folder by its name, or a glob");
            return Err(error
                .help("to include a whole folder use { source = \"...\", destination = \"/\" }, or end with `**/*`"));
        }
        return Ok(Located { value: FileMount::Pattern(pattern.to_owned()), span });
    }
    let mut table = entry.table("the entry of `files`", FORMS)?;
    let source = table.require("source", FORMS)?.string()?.value;
    let destination = table.require("destination", FORMS)?.string()?;
    table.finish()?;
    if destination.split('/').any(|part| part == "..") {
        let found = format!("destination {:?}", destination.value);
        return Err(problem(destination.span, found, "an absolute path of the guest without `..`"));
    }
    Ok(Located { value: FileMount::Placement { source, destination: destination.value }, span })
}
