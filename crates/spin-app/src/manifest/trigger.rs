//! `[[trigger.X]]`: the keys common to all types; the rest is passed on as it is.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    component::component,
    dependency,
    error::{Problem, problem},
    id::Id,
    model::{Component, Located},
    reader::{Entry, Reader},
};

/// A trigger before it has an id and its inline components have names.
pub(super) struct RawTrigger {
    pub(super) trigger_type: String,
    pub(super) id: Option<Located<String>>,
    pub(super) component: Option<ComponentSpec>,
    pub(super) components: Vec<(String, Vec<ComponentSpec>)>,
    pub(super) dependencies: Vec<Located<String>>,
    pub(super) config: Map<String, Value>,
}

/// What a trigger starts.
pub(super) enum ComponentSpec {
    Reference(Located<String>),
    Inline(Box<Component>),
}

/// Reads `[trigger]`, which holds a list of tables for each type.
pub(super) fn triggers(table: &Reader<'_>) -> Result<Vec<RawTrigger>, Problem> {
    let mut triggers = Vec::new();
    for entry in table.entries() {
        let form = format!("`[[trigger.{}]]`, with two brackets", entry.name);
        for element in entry.elements(&form)? {
            triggers.push(trigger(element.table(&format!("[[trigger.{}]]", entry.name), &form)?, entry.name)?);
        }
    }
    Ok(triggers)
}

fn trigger(mut table: Reader<'_>, trigger_type: &str) -> Result<RawTrigger, Problem> {
    let id = table.string("id")?.filter(|id| !id.is_empty());
    let component = table.get("component").map(|e| spec(&e)).transpose()?;
    let mut components = Vec::new();
    if let Some(roles) = table.table("components")? {
        for role in roles.entries() {
            let specs = match role.node.elements() {
                Some(_) => role.elements("components")?.iter().map(spec).collect::<Result<_, _>>()?,
                None => vec![spec(&role)?],
            };
            components.push((role.name.to_owned(), specs));
        }
    }
    let dependencies = table.table("dependencies")?.map_or(Ok(Vec::new()), |t| dependency::of_trigger(&t))?;
    let config: BTreeMap<_, _> = table.rest().iter().map(|e| (e.name.to_owned(), e.node.to_json())).collect();
    let config = config.into_iter().collect();
    Ok(RawTrigger { trigger_type: trigger_type.to_owned(), id, component, components, dependencies, config })
}

fn spec(entry: &Entry<'_>) -> Result<ComponentSpec, Problem> {
    if entry.node.as_str().is_some() {
        let id = entry.string()?;
        Id::Kebab.check(&id, "component")?;
        return Ok(ComponentSpec::Reference(id));
    }
    let table = entry.table("the inline component", "the id of a component, or a component as an inline table")?;
    Ok(ComponentSpec::Inline(Box::new(component(table, String::new())?)))
}

/// Refuses a reference to a component that is not there.
pub(super) fn check_reference(id: &Located<String>, components: &[Component]) -> Result<(), Problem> {
    let names: Vec<&str> = components.iter().map(|c| c.id.as_str()).collect();
    if names.contains(&id.as_str()) {
        return Ok(());
    }
    let error = problem(
        id.span.clone(),
        format!("component {:?}, which is not in the manifest", id.value),
        super::node::one_of(&names),
    );
    Err(match super::node::nearest(id, names.iter().copied()) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help(format!("add a [component.{}] table", id.value)),
    })
}
