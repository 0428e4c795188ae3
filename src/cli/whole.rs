//! Files that are whole or not there. It must not know what is in them.

use std::fs;
use std::io;
use std::path::Path;

/// Writes a file aside and renames it, so that whoever looks finds the old one or the new one.
pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut aside = std::ffi::OsString::from(".");
    aside.push(name);
    aside.push(format!(".{}", std::process::id()));
    let aside = path.with_file_name(aside);
    let written = fs::write(&aside, text).and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        // The file aside may not be there; the first error is the one to tell.
        let _ = fs::remove_file(&aside);
    }
    written
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::write;

    #[test]
    fn a_file_is_replaced_as_a_whole_or_left_as_it_was() {
        let folder = std::env::temp_dir().join(format!("turnloom-whole-{}", std::process::id()));
        fs::create_dir_all(folder.join("taken")).unwrap();
        let path = folder.join("page.html");
        write(&path, "old").unwrap();
        write(&path, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        write(&folder.join("taken"), "text").unwrap_err();
        write(&folder.join("none/page.html"), "text").unwrap_err();
        let left = fs::read_dir(&folder).unwrap().count();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(left, 2, "nothing is left aside");
    }
}
