//! `[component.X]`, also inline in a trigger.

use super::{
    dependency,
    error::{Problem, problem},
    id::Id,
    model::{Build, Component, Located},
    reader::Reader,
    source::{file_mount, source},
    v1::hosts_of_http,
};
use crate::locked::LockedMap;

/// Reads a component; `id` is empty for an inline one until it is named.
pub(super) fn component(mut table: Reader<'_>, id: String) -> Result<Component, Problem> {
    let component = Component {
        id,
        source: source(&table.require("source", "the path of the component's wasm: source = \"...\"")?)?,
        description: table.text("description")?,
        variables: variables(&mut table, "variables")?,
        environment: table.string_map("environment")?,
        files: files(&mut table)?,
        exclude_files: table.strings("exclude_files")?,
        allowed_outbound_hosts: outbound_hosts(&mut table)?,
        key_value_stores: labels(&mut table, "key_value_stores")?,
        sqlite_databases: labels(&mut table, "sqlite_databases")?,
        ai_models: values(table.strings("ai_models")?),
        build: table.table("build")?.map(build).transpose()?,
        dependencies: dependencies(&mut table)?,
    };
    targets(&mut table)?;
    table.table("tool")?;
    profiles(&mut table)?;
    table.finish()?;
    Ok(component)
}

/// Reads a table of templates over variables.
pub(super) fn variables(table: &mut Reader<'_>, key: &'static str) -> Result<LockedMap<String>, Problem> {
    if let Some(entries) = table.get(key) {
        for entry in entries.table(&format!("`{key}`"), "a table of strings")?.entries() {
            Id::LowerSnake.check(&Located { value: entry.name.to_owned(), span: entry.key_span }, "variable")?;
        }
    }
    table.string_map(key)
}

/// Reads `files`.
pub(super) fn files(table: &mut Reader<'_>) -> Result<Vec<Located<super::FileMount>>, Problem> {
    let Some(entry) = table.get("files") else { return Ok(Vec::new()) };
    entry.elements("an array of paths, globs and { source, destination }")?.iter().map(file_mount).collect()
}

/// Reads a list of names of stores or databases.
pub(super) fn labels(table: &mut Reader<'_>, key: &'static str) -> Result<Vec<String>, Problem> {
    let labels = table.strings(key)?;
    labels.iter().try_for_each(|l| Id::Label.check(l, "label"))?;
    Ok(values(labels))
}

/// Reads a `build` table.
pub(super) fn build(mut table: Reader<'_>) -> Result<Build, Problem> {
    let command = commands(&mut table)?;
    let workdir = table.string("workdir")?;
    if let Some(dir) = workdir.as_ref().filter(|d| std::path::Path::new(&d.value).is_absolute()) {
        let found = format!("workdir {:?}", dir.value);
        return Err(problem(dir.span.clone(), found, "a path relative to the manifest"));
    }
    let watch = values(table.strings("watch")?);
    table.finish()?;
    Ok(Build { command, workdir: workdir.map(|d| d.value), watch })
}

fn commands(table: &mut Reader<'_>) -> Result<Vec<String>, Problem> {
    let entry = table.require("command", "the command that builds the component: command = \"...\"")?;
    if entry.node.as_str().is_some() {
        return Ok(vec![entry.string()?.value]);
    }
    let commands = entry.elements("a command, or an array of them")?;
    commands.iter().map(|c| Ok(c.string()?.value)).collect()
}

fn outbound_hosts(table: &mut Reader<'_>) -> Result<Vec<String>, Problem> {
    let hosts = table.strings("allowed_outbound_hosts")?;
    for host in &hosts {
        if !host.contains("://") && !host.contains("{{") {
            let error = problem(host.span.clone(), format!("host {:?}", host.value), "scheme://host[:port]");
            return Err(match host.as_str() {
                "insecure:allow-all" => error.help("to allow everything write \"*://*:*\""),
                other => error.help(format!("try \"https://{other}\"")),
            });
        }
    }
    let http = hosts_of_http(&table.strings("allowed_http_hosts")?)?;
    Ok(values(hosts).into_iter().chain(http).collect())
}

fn dependencies(table: &mut Reader<'_>) -> Result<Vec<Located<String>>, Problem> {
    let whole = table.bool("dependencies_inherit_configuration")?;
    table.table("dependencies")?.map_or(Ok(Vec::new()), |t| dependency::of_component(&t, whole))
}

/// Checks `targets`: environments that the app was checked against, which mean nothing to a host.
pub(super) fn targets(table: &mut Reader<'_>) -> Result<(), Problem> {
    const FORMS: &str = r#"a name such as "spin-up:3.3", { url = "..." } or { path = "..." }"#;
    let Some(entry) = table.get("targets") else { return Ok(()) };
    for target in entry.elements("an array of environments")? {
        if target.node.as_str().is_none() {
            let mut form = target.table("the entry of `targets`", FORMS)?;
            if form.string("url")?.is_none() && form.string("path")?.is_none() {
                return Err(target.wrong(FORMS));
            }
            form.finish()?;
        }
    }
    Ok(())
}

/// Checks `profile.X`: overrides for `spin build --profile X`, which are not applied here.
fn profiles(table: &mut Reader<'_>) -> Result<(), Problem> {
    let Some(profiles) = table.table("profile")? else { return Ok(()) };
    for entry in profiles.entries() {
        let mut profile = entry.table(&format!("profile `{}`", entry.name), "a table of overrides")?;
        profile.get("source").map(|e| source(&e)).transpose()?;
        profile.string_map("environment")?;
        profile.table("dependencies")?.map(|t| dependency::of_component(&t, None)).transpose()?;
        if let Some(mut build) = profile.table("build")? {
            commands(&mut build)?;
            build.finish()?;
        }
        profile.finish()?;
    }
    Ok(())
}

/// The values without their places.
pub(super) fn values(located: Vec<Located<String>>) -> Vec<String> {
    located.into_iter().map(|l| l.value).collect()
}
