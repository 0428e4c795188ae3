//! Files that are whole or not there: written aside, made to last, then renamed, so that a full disk, a folder that
//! cannot be written or the end of the process leaves what was there before.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// Makes `text` the content of the file, and leaves it the permissions that it has. A link is followed; a pipe or a device
/// is written to as it is, since nothing can take its place.
///
/// A process that is killed in the middle leaves a hidden file aside, `.turnloom-…`, which [`sweep`] removes.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let permissions = match fs::metadata(path) {
        Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) if !there.is_file() => {
            return OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes());
        }
        Ok(there) => Some(there.permissions()),
        Err(_) => None,
    };
    aside(path, text, permissions)?.persist(path).map_err(|error| error.error)?;
    lasts(path);
    Ok(())
}

/// Makes a file that must not be there yet; `AlreadyExists` if it is, and nothing has changed then.
pub(crate) fn create(path: &Path, text: &str) -> io::Result<()> {
    aside(path, text, None)?.persist_noclobber(path).map_err(|error| error.error)?;
    lasts(path);
    Ok(())
}

/// Removes what processes that were killed left aside in a folder. A file that is still being written is locked, and stays.
pub(crate) fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_aside = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).is_some_and(is_random);
        if is_aside && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            // What cannot be removed is in nobody's way.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The beginning of the name of a file that is written aside; six letters and digits follow.
const PREFIX: &str = ".turnloom-";

fn is_random(rest: &str) -> bool {
    rest.len() == 6 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A file with the text in the folder of another; it goes away if it is not given that one's name.
fn aside(path: &Path, text: &str, permissions: Option<Permissions>) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    // What a temporary file may be is less than what people expect of one they keep; the mask of the process applies.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder(path))?;
    // Where files cannot be locked, none is swept away either.
    let _ = file.as_file().try_lock();
    file.write_all(text.as_bytes())?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_all()?;
    Ok(file)
}

/// That a new name lasts is more than every file system promises; the content is whole either way.
fn lasts(path: &Path) {
    if let Ok(folder) = File::open(folder(path)) {
        let _ = folder.sync_all();
    }
}

/// The folder that a file is in.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
