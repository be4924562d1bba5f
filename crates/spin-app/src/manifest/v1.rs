//! Version 1 of the manifest, read into the model of version 2.

use serde_json::{Map, Value};

use super::{
    component::{build, files, labels, values, variables},
    error::{Problem, problem},
    id::Id,
    model::{Application, Component, Located, Trigger},
    reader::{Entry, Reader},
    source::source,
    v2::{self, Parsed},
};
use crate::locked::LockedMap;

/// What version 1 did not restrict before `allowed_outbound_hosts` existed.
const DATABASES: [&str; 3] = ["redis://*:*", "mysql://*:*", "postgres://*:*"];

/// Reads a version 1 manifest; the version itself has been read.
pub(super) fn parse(mut root: Reader<'_>) -> Result<Parsed, Problem> {
    // Version 1 has two names for its version.
    root.get("spin_version");
    let name = root.require("name", "the name of the app: name = \"...\"")?.string()?.value;
    let trigger_entry = root.require("trigger", "trigger = { type = \"http\" }")?;
    let (trigger_type, global) = app_trigger(&trigger_entry)?;
    let application = Application {
        name,
        version: root.text("version")?,
        description: root.text("description")?,
        authors: values(root.strings("authors")?),
        trigger_configs: [(trigger_type.clone(), global)].into(),
    };
    let variables = root.table("variables")?.map_or(Ok(LockedMap::new()), |t| v2::variables(&t))?;
    let mut triggers = Vec::new();
    let mut components: Vec<Component> = Vec::new();
    if let Some(entry) = root.get("component") {
        for element in entry.elements("`[[component]]`, with two brackets")? {
            let (component, config) = component(element.table("[[component]]", "a table")?)?;
            if components.iter().any(|c| c.id == component.id) {
                let found = format!("component id {:?}, which another component has", component.id);
                return Err(problem(element.span(), found, "an id of its own"));
            }
            triggers.push(Trigger {
                id: format!("trigger-{}", component.id),
                trigger_type: trigger_type.clone(),
                component: Some(component.id.clone()),
                components: [].into(),
                dependencies: Vec::new(),
                config,
            });
            components.push(component);
        }
    }
    root.finish()?;
    Ok(Parsed { application, variables, triggers, components })
}

fn app_trigger(entry: &Entry<'_>) -> Result<(String, Map<String, Value>), Problem> {
    let mut table = entry.table("`trigger`", "a table: trigger = { type = \"http\" }")?;
    let trigger_type = table.require("type", "the type of all triggers: type = \"http\"")?.string()?.value;
    let global = table.rest().iter().map(|e| (e.name.to_owned(), e.node.to_json())).collect();
    Ok((trigger_type, global))
}

fn component(mut table: Reader<'_>) -> Result<(Component, Map<String, Value>), Problem> {
    let mut id = table.require("id", "the id of the component: id = \"...\"")?.string()?;
    if !Id::Kebab.matches(&id) {
        id.value = id.value.replace('_', "-").to_lowercase();
    }
    Id::Kebab.check(&id, "component id")?;
    let trigger = table.require("trigger", "a table [component.trigger]")?;
    let Value::Object(config) = trigger.node.to_json() else {
        return Err(trigger.wrong("a table"));
    };
    let component = Component {
        id: id.value,
        source: source(&table.require("source", "the path of the component's wasm: source = \"...\"")?)?,
        description: table.text("description")?,
        variables: variables(&mut table, "config")?,
        environment: table.string_map("environment")?,
        files: files(&mut table)?,
        exclude_files: table.strings("exclude_files")?,
        allowed_outbound_hosts: hosts(&mut table)?,
        key_value_stores: labels(&mut table, "key_value_stores")?,
        sqlite_databases: labels(&mut table, "sqlite_databases")?,
        ai_models: values(table.strings("ai_models")?),
        build: table.table("build")?.map(build).transpose()?,
        dependencies: Vec::new(),
    };
    table.finish()?;
    Ok((component, config))
}

fn hosts(table: &mut Reader<'_>) -> Result<Vec<String>, Problem> {
    let outbound = table.get("allowed_outbound_hosts").map(|e| e.strings()).transpose()?;
    let http = hosts_of_http(&table.strings("allowed_http_hosts")?)?;
    let base = outbound.map_or_else(|| DATABASES.map(str::to_owned).to_vec(), values);
    Ok(base.into_iter().chain(http).collect())
}

/// `allowed_http_hosts` as `allowed_outbound_hosts`.
pub(super) fn hosts_of_http(hosts: &[Located<String>]) -> Result<Vec<String>, Problem> {
    if hosts.iter().any(|h| h.value == "insecure:allow-all") {
        return Ok(["http://*:*", "https://*:*", "http://self"].map(str::to_owned).to_vec());
    }
    let mut outbound = Vec::new();
    for host in hosts {
        if host.value == "self" {
            outbound.push("http://self".to_owned());
            continue;
        }
        let authority = authority(host)?;
        outbound.push(format!("http://{authority}"));
        outbound.push(format!("https://{authority}"));
    }
    Ok(outbound)
}

fn authority(host: &Located<String>) -> Result<String, Problem> {
    let wrong = || problem(host.span.clone(), format!("host {:?}", host.value), "a host name with an optional port");
    let url = if host.contains("//") { host.value.clone() } else { format!("http://{}", host.value) };
    let url = url::Url::parse(&url).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || url.path().len() > 1 || url.query().is_some() {
        return Err(wrong());
    }
    let name = url.host_str().ok_or_else(wrong)?;
    Ok(url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}")))
}
