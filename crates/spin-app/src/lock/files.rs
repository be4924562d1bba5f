//! `files` and `exclude_files`: which files of the app's folder a guest sees, and where.

use std::{
    collections::BTreeMap,
    path::{Component as Part, Path, PathBuf},
};

use crate::{
    locked::{ContentPath, ContentRef},
    manifest::{Component, FileMount, Located, Problem, problem},
};

/// The files of one component, sorted by the guest's path. A later entry of `files` wins over an earlier one.
pub(super) fn collect(component: &Component, root: &Path) -> Result<Vec<ContentPath>, Problem> {
    if component.files.is_empty() {
        return Ok(Vec::new());
    }
    let excludes = component.exclude_files.iter().map(pattern).collect::<Result<Vec<_>, _>>()?;
    let mut mounts = Mounts { root, excludes, found: BTreeMap::new() };
    for mount in &component.files {
        match &mount.value {
            FileMount::Pattern(pattern) => mounts.pattern(mount, pattern)?,
            FileMount::Placement { source, destination } => mounts.placement(mount, source, destination)?,
        }
    }
    let entry = |(path, file): (String, PathBuf)| ContentPath { content: ContentRef::file(&file), path };
    Ok(mounts.found.into_iter().map(entry).collect())
}

struct Mounts<'a> {
    root: &'a Path,
    excludes: Vec<glob::Pattern>,
    found: BTreeMap<String, PathBuf>,
}

type Mount = Located<FileMount>;

impl Mounts<'_> {
    /// A file, folder or glob at its own path.
    fn pattern(&mut self, mount: &Mount, pattern: &str) -> Result<(), Problem> {
        let inside = relative(Path::new(pattern)).ok_or_else(|| outside(mount, pattern))?;
        let path = self.root.join(&inside);
        if path.is_dir() {
            self.glob(mount, &path, "**/*", self.root, "")
        } else if path.exists() {
            self.add(mount, path, pattern)
        } else if pattern.contains(['*', '?', '[']) {
            self.glob(mount, self.root, &inside, self.root, "")
        } else {
            Err(problem(mount.span.clone(), format!("{pattern:?}, which does not exist"), "a file, a folder or a glob"))
        }
    }

    /// A file or folder somewhere else.
    fn placement(&mut self, mount: &Mount, source: &str, destination: &str) -> Result<(), Problem> {
        let inside = relative(Path::new(source)).ok_or_else(|| outside(mount, source))?;
        let path = self.root.join(&inside);
        if path.is_dir() {
            self.glob(mount, &path, "**/*", &path, destination)
        } else if !path.exists() {
            Err(problem(mount.span.clone(), format!("{source:?}, which does not exist"), "a file or folder"))
        } else if destination.is_empty() || destination.ends_with(['/', '.']) {
            let found = format!("destination {destination:?} for the file {source:?}");
            Err(problem(mount.span.clone(), found, "the file's path in the guest, e.g. \"/config.json\""))
        } else {
            self.add(mount, path, destination)
        }
    }

    /// Every file that matches `pattern` under `folder`, at its path under `prefix` moved to `destination`.
    fn glob(
        &mut self,
        mount: &Mount,
        folder: &Path,
        pattern: &str,
        prefix: &Path,
        destination: &str,
    ) -> Result<(), Problem> {
        let unreadable = |error: &dyn std::fmt::Display| {
            problem(
                mount.span.clone(),
                format!("files that can't be listed ({error})"),
                "readable files with UTF-8 names",
            )
        };
        let folder = folder.to_str().ok_or_else(|| unreadable(&"the folder's name is no UTF-8"))?;
        let whole = format!("{}/{pattern}", glob::Pattern::escape(folder));
        for path in glob::glob(&whole).map_err(|error| unreadable(&error))? {
            let path = path.map_err(|error| unreadable(&error))?;
            let excluded = path.strip_prefix(self.root).is_ok_and(|p| self.excludes.iter().any(|e| e.matches_path(p)));
            if excluded || !path.is_file() {
                continue;
            }
            let name = path.strip_prefix(prefix).ok().and_then(Path::to_str);
            let name = name.ok_or_else(|| unreadable(&"a name is no UTF-8"))?.to_owned();
            self.add(mount, path, &format!("{destination}/{name}"))?;
        }
        Ok(())
    }

    fn add(&mut self, mount: &Mount, file: PathBuf, guest_path: &str) -> Result<(), Problem> {
        let real = |path: &Path| path.canonicalize();
        match (real(&file), real(self.root)) {
            (Ok(file), Ok(root)) if file.starts_with(&root) => {}
            // A link that leads out would put files of this machine into a public artifact.
            _ => return Err(outside(mount, &file.display().to_string())),
        }
        let guest_path = relative(Path::new(guest_path.trim_start_matches('/')));
        let guest_path =
            guest_path.filter(|p| !p.is_empty()).ok_or_else(|| outside(mount, &file.display().to_string()))?;
        self.found.insert(guest_path, file);
        Ok(())
    }
}

fn pattern(text: &Located<String>) -> Result<glob::Pattern, Problem> {
    glob::Pattern::new(text).map_err(|error| {
        problem(
            text.span.clone(),
            format!("pattern {:?} ({})", text.value, error.msg),
            "a glob such as \"**/*.secret\"",
        )
    })
}

fn outside(mount: &Mount, path: &str) -> Problem {
    problem(mount.span.clone(), format!("{path:?}, which leads out of the app's folder"), "a path inside it")
        .help("let the build command copy what is needed into the app's folder")
}

/// The path with `/` between names and no `.`; `None` when it is absolute or has `..` in it.
fn relative(path: &Path) -> Option<String> {
    let mut names = Vec::new();
    for part in path.components() {
        match part {
            Part::Normal(name) => names.push(name.to_str()?),
            Part::CurDir => {}
            Part::ParentDir | Part::RootDir | Part::Prefix(_) => return None,
        }
    }
    Some(names.join("/"))
}
