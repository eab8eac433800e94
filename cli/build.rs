//! Puts the rule pack of this repository into the binary, so that it works without one beside it.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let rules = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../rules");
    println!("cargo::rerun-if-changed={}", rules.display());
    let mut entries = String::new();
    add(&rules, "", &mut entries)?;
    let code = format!(
        "/// Path and text of every file of the pack.\npub(crate) static FILES: &[(&str, &str)] = &[\n{entries}];\n"
    );
    fs::write(Path::new(&env::var("OUT_DIR").unwrap_or_default()).join("pack.rs"), code)
}

fn add(folder: &Path, prefix: &str, entries: &mut String) -> io::Result<()> {
    let mut found: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    found.sort_by_key(fs::DirEntry::file_name);
    for entry in found {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = entry.path();
        if path.is_dir() {
            add(&path, &format!("{prefix}{name}/"), entries)?;
        } else if matches!(path.extension().and_then(|ending| ending.to_str()), Some("yml" | "yaml" | "txt")) {
            let absolute = fs::canonicalize(&path)?;
            let _ = writeln!(
                entries,
                "    ({:?}, include_str!({:?})),",
                format!("{prefix}{name}"),
                absolute.display().to_string()
            );
        }
    }
    Ok(())
}
