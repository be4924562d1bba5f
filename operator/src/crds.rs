//! Writes `config/crd/*.yaml`, which installations apply.

use std::path::Path;

/// Each CRD's file name and content.
pub(crate) fn files() -> Result<Vec<(String, String)>, String> {
    let file = |crd: &_| serde_saphyr::to_string(crd).map_err(|error| error.to_string());
    spinkube_api::crds().iter().map(|crd| Ok((format!("{}.yaml", crd.spec.names.plural), file(crd)?))).collect()
}

/// Writes the files.
pub(crate) fn write(directory: &Path) -> Result<(), String> {
    for (name, yaml) in files()? {
        let path = directory.join(name);
        std::fs::write(&path, yaml).map_err(|error| format!("can't write {}: {error}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn committed_crds_are_the_generated_ones() {
        for (name, yaml) in files().unwrap() {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/crd").join(&name);
            let committed = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                committed == yaml,
                "{name} is out of date: cargo run --release -p spin-operator -- crds operator/config/crd"
            );
        }
    }
}
