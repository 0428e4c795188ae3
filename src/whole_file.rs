//! Files that are whole or not there: written aside, made to last, then renamed, so that a full disk, a folder that cannot
//! be written or the end of the process leaves what was there before. It must not know what is in a file.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Makes `text` the content of the file. A link is followed; a pipe or a device is written to as it is, since nothing can
/// take its place.
///
/// A process that is killed in the middle may leave a hidden file aside, `.NAME.PID`.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) if !there.is_file() => {
            OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
        }
        _ => replace(path, text),
    }
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = folder(path);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let mut aside = OsString::from(".");
    aside.push(name);
    aside.push(format!(".{}", std::process::id()));
    let aside = folder.join(aside);
    let written = write_lasting(&aside, text).and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        // The file aside may not be there; the first error is the one to tell.
        let _ = fs::remove_file(&aside);
    } else if let Ok(folder) = File::open(folder) {
        // That the new name lasts is more than every file system promises; the content is whole either way.
        let _ = folder.sync_all();
    }
    written
}

fn write_lasting(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The folder that a file is in.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
