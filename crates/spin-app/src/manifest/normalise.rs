//! Gives every trigger an id and every inline component a name, the same as Spin gives.

use std::collections::{BTreeMap, HashSet};

use super::{
    error::{Problem, problem},
    id::Id,
    model::{Component, Trigger},
    trigger::{ComponentSpec, RawTrigger, check_reference},
};

/// Triggers with ids, in the order given; inline components are appended to `components`.
pub(super) fn normalise(raw: Vec<RawTrigger>, components: &mut Vec<Component>) -> Result<Vec<Trigger>, Problem> {
    let ids = trigger_ids(&raw)?;
    raw.into_iter().zip(ids).map(|(trigger, id)| one(trigger, id, components)).collect()
}

/// The given ids and, for the rest, `<component>-<type>-trigger` or else `<type>-trigger<N>`.
fn trigger_ids(raw: &[RawTrigger]) -> Result<Vec<String>, Problem> {
    let mut taken = HashSet::new();
    for id in raw.iter().filter_map(|t| t.id.as_ref()) {
        if !taken.insert(id.value.clone()) {
            let found = format!("trigger id {:?}, which another trigger has", id.value);
            return Err(problem(id.span.clone(), found, "an id of its own"));
        }
    }
    let mut ids = Vec::new();
    for trigger in raw {
        let id = match (&trigger.id, &trigger.component) {
            (Some(id), _) => id.value.clone(),
            (None, Some(ComponentSpec::Reference(component))) => {
                let natural = format!("{}-{}-trigger", component.value, trigger.trigger_type);
                if taken.contains(&natural) { numbered(&trigger.trigger_type, &taken) } else { natural }
            }
            (None, _) => numbered(&trigger.trigger_type, &taken),
        };
        taken.insert(id.clone());
        ids.push(id);
    }
    Ok(ids)
}

fn numbered(trigger_type: &str, taken: &HashSet<String>) -> String {
    let mut n = 1;
    while taken.contains(&format!("{trigger_type}-trigger{n}")) {
        n += 1;
    }
    format!("{trigger_type}-trigger{n}")
}

fn one(raw: RawTrigger, id: String, components: &mut Vec<Component>) -> Result<Trigger, Problem> {
    let several = usize::from(raw.component.is_some()) + raw.components.iter().map(|(_, s)| s.len()).sum::<usize>() > 1;
    let mut resolve = |spec| match spec {
        ComponentSpec::Reference(reference) => {
            check_reference(&reference, components)?;
            Ok(reference.value)
        }
        ComponentSpec::Inline(component) => {
            let name = inline_id(&id, several, components);
            components.push(Component { id: name.clone(), ..*component });
            Ok(name)
        }
    };
    let component = raw.component.map(&mut resolve).transpose()?;
    let mut roles = BTreeMap::new();
    for (role, specs) in raw.components {
        roles.insert(role, specs.into_iter().map(&mut resolve).collect::<Result<_, _>>()?);
    }
    Ok(Trigger {
        id,
        trigger_type: raw.trigger_type,
        component,
        components: roles,
        dependencies: raw.dependencies,
        config: raw.config,
    })
}

fn inline_id(trigger_id: &str, several: bool, components: &[Component]) -> String {
    let taken = |id: &str| components.iter().any(|c| c.id == id);
    let natural = format!("{trigger_id}-component");
    if !several && Id::Kebab.matches(&natural) && !taken(&natural) {
        return natural;
    }
    let mut n = 1;
    while taken(&format!("inline-component{n}")) {
        n += 1;
    }
    format!("inline-component{n}")
}
