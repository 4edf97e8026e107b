//! Where a file lies.

use std::path::Path;

/// The folder of a file; for a bare name the one in which the process works.
#[must_use]
pub fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_lies_where_the_process_works() {
        for (file, folder) in [("stoa.db", "."), ("data/stoa.db", "data"), ("/stoa.db", "/"), ("./stoa.db", ".")] {
            assert_eq!(folder_of(Path::new(file)), Path::new(folder), "{file}");
        }
    }
}
