//! `dependencies` of components and triggers: checked for form. What they resolve to is not used here: an artifact holds
//! composed components (see `lock`).

use super::{
    error::{Problem, problem},
    id::Id,
    model::Located,
    reader::{Entry, Reader},
    source::{digest, package_name},
};

const FORMS: &str = r#"a version such as ">=1.0", or a table with `version`, `path`, `url` or `component`"#;

/// `[component.X.dependencies]`: the names of what is satisfied.
pub(super) fn of_component(table: &Reader<'_>, whole: Option<bool>) -> Result<Vec<Located<String>>, Problem> {
    let mut names = Vec::new();
    for entry in table.entries() {
        let inherits = one(&entry)?;
        if inherits && whole.is_some() {
            let found = "`inherit_configuration` beside `dependencies_inherit_configuration`";
            return Err(problem(entry.span(), found, "one of the two"));
        }
        names.push(Located { value: entry.name.to_owned(), span: entry.key_span });
    }
    Ok(names)
}

/// `dependencies` of a trigger: the roles that are filled.
pub(super) fn of_trigger(table: &Reader<'_>) -> Result<Vec<Located<String>>, Problem> {
    let mut roles = Vec::new();
    for entry in table.entries() {
        for element in entry.elements("an array of dependencies")? {
            one_table(&element, true)?;
        }
        roles.push(Located { value: entry.name.to_owned(), span: entry.key_span });
    }
    Ok(roles)
}

/// Checks one dependency; says whether it has `inherit_configuration`.
fn one(entry: &Entry<'_>) -> Result<bool, Problem> {
    let plain = !entry.name.contains(':');
    if let Some(version) = entry.node.as_str() {
        requirement(&Located { value: version.to_owned(), span: entry.span() })?;
        if plain {
            return Err(entry.wrong("a table that names the `package`, since the import itself names none"));
        }
        return Ok(false);
    }
    let form = one_table(entry, false)?;
    if plain && form.needs_package {
        return Err(problem(entry.span(), format!("dependency `{}` names no `package`", entry.name), "`package`"));
    }
    if !plain && !entry.name.contains('/') && form.export_forbidden {
        let found = format!("`export` for the whole package `{}`", entry.name);
        return Err(problem(
            entry.span(),
            found,
            "an import with an interface, `namespace:name/interface`, or no `export`",
        ));
    }
    Ok(form.inherits)
}

struct Form {
    needs_package: bool,
    export_forbidden: bool,
    inherits: bool,
}

fn one_table(entry: &Entry<'_>, of_trigger: bool) -> Result<Form, Problem> {
    let mut table = entry.table(&format!("the dependency `{}`", entry.name), FORMS)?;
    let mut form = Form { needs_package: false, export_forbidden: false, inherits: false };
    let export = if of_trigger { None } else { table.string("export")? };
    if let Some(inherit) = table.get("inherit_configuration") {
        form.inherits = true;
        if inherit.node.as_bool().is_none() {
            inherit.elements("`true`, `false` or an array of names")?.iter().try_for_each(|e| e.string().map(drop))?;
        }
    }
    if table.string("path")?.is_some() {
        form.export_forbidden = export.is_some();
    } else if table.string("url")?.is_some() {
        digest(&mut table)?;
    } else if let Some(component) = table.string("component")? {
        Id::Kebab.check(&component, "component")?;
    } else if let Some(version) = table.string("version")? {
        requirement(&version)?;
        table.string("registry")?;
        let package = table.string("package")?;
        package.iter().try_for_each(package_name)?;
        form.needs_package = package.is_none();
        form.export_forbidden = export.is_some();
        if of_trigger && package.is_none() {
            return Err(table.missing("package", "`package`"));
        }
    } else {
        return Err(problem(entry.span(), format!("dependency `{}` names no source", entry.name), FORMS));
    }
    table.finish()?;
    Ok(form)
}

fn requirement(version: &Located<String>) -> Result<(), Problem> {
    match semver::VersionReq::parse(version) {
        Ok(_) => Ok(()),
        Err(error) => {
            let found = format!("version {:?} ({error})", version.value);
            Err(problem(version.span.clone(), found, "a version requirement such as \">=1.0\""))
        }
    }
}
