//! The whole of a manifest: which version it is, and the tables of version 2.

use serde_json::{Map, Value};
use toml_edit::Document;

use super::{
    component::{component, targets, values},
    error::{Problem, problem},
    id::Id,
    model::{Application, Component, Located, Trigger},
    normalise::normalise,
    reader::{Entry, Reader},
    trigger::triggers,
    v1,
};
use crate::locked::{LockedMap, Variable};

/// A manifest without its file.
pub(super) struct Parsed {
    pub(super) application: Application,
    pub(super) variables: LockedMap<Variable>,
    pub(super) triggers: Vec<Trigger>,
    pub(super) components: Vec<Component>,
}

/// Parses a manifest of either version.
pub(super) fn parse(text: &str) -> Result<Parsed, Problem> {
    let document = Document::parse(text).map_err(|error| {
        let message = error.message().replace('\n', ", ");
        let (found, expected) = message.split_once(", expected ").unwrap_or((&message, "each key once, and TOML"));
        problem(error.span().unwrap_or(0..0), format!("text that is no TOML ({found})"), expected)
    })?;
    let mut root = Reader::document(document.as_table());
    let version = root.get("spin_manifest_version");
    let old_name = root.peek("spin_version");
    match (version.as_ref(), old_name.as_ref()) {
        (Some(version), None) if version.node.as_integer() == Some(2) => v2(root),
        (Some(version), None) | (None, Some(version)) if version.node.as_str() == Some("1") => v1::parse(root),
        (Some(version), _) | (None, Some(version)) => Err(version.wrong("`spin_manifest_version = 2`")),
        (None, None) => Err(problem(0..0, "no `spin_manifest_version`", "`spin_manifest_version = 2` at the top")),
    }
}

fn v2(mut root: Reader<'_>) -> Result<Parsed, Problem> {
    let application = root.table("application")?;
    let Some(application) = application else {
        return Err(root.missing("application", "a table [application] with a `name`"));
    };
    let application = self::application(application)?;
    let variables = root.table("variables")?.map_or(Ok(LockedMap::new()), |t| variables(&t))?;
    let Some(trigger_table) = root.table("trigger")? else {
        return Err(root.missing("trigger", "at least one trigger, e.g. [[trigger.http]]"));
    };
    let raw = triggers(&trigger_table)?;
    let mut components = Vec::new();
    if let Some(table) = root.table("component")? {
        for entry in table.entries() {
            Id::Kebab.check(&Located { value: entry.name.to_owned(), span: entry.key_span.clone() }, "component id")?;
            let place = format!("[component.{}]", entry.name);
            components.push(component(entry.table(&place, "a table")?, entry.name.to_owned())?);
        }
    }
    root.finish()?;
    let triggers = normalise(raw, &mut components)?;
    Ok(Parsed { application, variables, triggers, components })
}

fn application(mut table: Reader<'_>) -> Result<Application, Problem> {
    let name = table.require("name", "the name of the app: name = \"...\"")?.string()?;
    if name.is_empty() {
        return Err(problem(name.span, "an empty `name`", "the name of the app"));
    }
    let mut application = Application {
        name: name.value,
        version: table.text("version")?,
        description: table.text("description")?,
        authors: values(table.strings("authors")?),
        ..Application::default()
    };
    if let Some(configs) = table.table("trigger")? {
        for entry in configs.entries() {
            application.trigger_configs.insert(entry.name.to_owned(), object(&entry)?);
        }
    }
    targets(&mut table)?;
    table.table("tool")?;
    table.finish()?;
    Ok(application)
}

fn object(entry: &Entry<'_>) -> Result<Map<String, Value>, Problem> {
    match entry.node.to_json() {
        Value::Object(map) => Ok(map),
        _ => Err(entry.wrong("a table")),
    }
}

/// Reads `[variables]`.
pub(super) fn variables(table: &Reader<'_>) -> Result<LockedMap<Variable>, Problem> {
    let mut variables = LockedMap::new();
    for entry in table.entries() {
        Id::LowerSnake.check(&Located { value: entry.name.to_owned(), span: entry.key_span.clone() }, "variable")?;
        variables.insert(entry.name.to_owned(), variable(&entry)?);
    }
    Ok(variables)
}

fn variable(entry: &Entry<'_>) -> Result<Variable, Problem> {
    const FORMS: &str = "either { default = \"...\" } or { required = true }";
    let mut table = entry.table(&format!("variable `{}`", entry.name), FORMS)?;
    let required = table.bool("required")?.unwrap_or(false);
    let variable = Variable {
        description: table.string("description")?.map(|d| d.value),
        default: table.string("default")?.map(|d| d.value),
        secret: table.bool("secret")?.unwrap_or(false),
    };
    table.finish()?;
    let found = match (required, &variable.default) {
        (true, Some(_)) => "is required and has a default",
        (false, None) => "is not required and has no default",
        _ => return Ok(variable),
    };
    Err(problem(entry.span(), format!("variable `{}` {found}", entry.name), FORMS))
}
