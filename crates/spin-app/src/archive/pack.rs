//! Writing an archive.

use std::io::{self, BufWriter, Write};

use crate::artifact::Blob;

/// Writes a tar.gz of files by path. Equal content gives equal bytes: no times, no owners, the order as given.
pub(crate) fn pack<'a>(files: impl Iterator<Item = (&'a str, &'a Blob)>, out: impl Write) -> io::Result<()> {
    let gzip = flate2::GzBuilder::new().mtime(0).write(BufWriter::new(out), flate2::Compression::default());
    let mut tar = tar::Builder::new(gzip);
    for (path, blob) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(blob.size);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_entry_type(tar::EntryType::Regular);
        tar.append_data(&mut header, path, blob.open()?)?;
    }
    tar.into_inner()?.finish()?.flush()
}
