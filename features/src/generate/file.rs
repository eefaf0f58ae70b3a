//! The smallest files that their first bytes tell: one of each kind that a spec can name.

/// A file of a kind, filled up with zeroes to at least so many bytes; `None` for a kind that this cannot make.
pub fn of_kind(media_type: &str, least: usize) -> Option<Vec<u8>> {
    let mut file = match media_type.strip_prefix("image/") {
        Some(_) => image(media_type, 16, 16)?,
        None => beginning(media_type)?,
    };
    if file.len() < least {
        file.resize(least, 0);
    }
    Some(file)
}

fn beginning(media_type: &str) -> Option<Vec<u8>> {
    let (bytes, length): (&[u8], usize) = match media_type {
        "application/pdf" => (b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n", 64),
        "audio/aac" => (&[0xFF, 0xF1, 0x50, 0x80, 0x02, 0x1F, 0xFC], 64),
        "audio/flac" => (b"fLaC\0\0\0\x22", 64),
        "audio/mp4" => (b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42isom", 64),
        "audio/mpeg" => (b"ID3\x04\0\0\0\0\0\0\xFF\xFB\x90\x64", 64),
        "audio/ogg" => {
            (b"OggS\0\x02\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\x01\x1E\x01vorbis", 64)
        }
        "audio/wav" => (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x44\xAC\0\0", 64),
        "video/mp4" => (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", 64),
        "video/quicktime" => (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", 64),
        "video/webm" => (b"\x1A\x45\xDF\xA3\x9F\x42\x86\x81\x01\x42\x82\x84webm", 512),
        "video/x-matroska" => (b"\x1A\x45\xDF\xA3\xA3\x42\x86\x81\x01\x42\x82\x88matroska", 512),
        _ => return None,
    };
    let mut file = bytes.to_vec();
    file.resize(length.max(bytes.len()), 0);
    Some(file)
}

/// An image whose header says that it is so large. What follows the header is not worth decoding.
pub fn image(media_type: &str, width: u32, height: u32) -> Option<Vec<u8>> {
    let (short_width, short_height) =
        (u16::try_from(width).unwrap_or(u16::MAX), u16::try_from(height).unwrap_or(u16::MAX));
    let mut file = Vec::new();
    match media_type {
        "image/png" => {
            file.extend_from_slice(b"\x89PNG\r\n\x1A\n\0\0\0\x0DIHDR");
            file.extend_from_slice(&width.to_be_bytes());
            file.extend_from_slice(&height.to_be_bytes());
            file.extend_from_slice(b"\x08\x02\0\0\0\0\0\0\0");
        }
        "image/jpeg" => {
            file.extend_from_slice(
                b"\xFF\xD8\xFF\xE0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0\xFF\xC0\0\x11\x08",
            );
            file.extend_from_slice(&short_height.to_be_bytes());
            file.extend_from_slice(&short_width.to_be_bytes());
            file.extend_from_slice(b"\x03\x01\x22\0\x02\x11\x01\x03\x11\x01\xFF\xD9");
        }
        "image/gif" => {
            file.extend_from_slice(b"GIF89a");
            file.extend_from_slice(&short_width.to_le_bytes());
            file.extend_from_slice(&short_height.to_le_bytes());
            file.extend_from_slice(b"\0\0\0;");
        }
        "image/webp" => {
            // The extended form, whose header has one less than each side in three bytes.
            file.extend_from_slice(b"RIFF\x1E\0\0\0WEBPVP8X\x0A\0\0\0\0\0\0\0");
            file.extend_from_slice(&(width - 1).to_le_bytes()[..3]);
            file.extend_from_slice(&(height - 1).to_le_bytes()[..3]);
        }
        _ => return None,
    }
    file.resize(file.len() + 64, 0);
    Some(file)
}

#[cfg(test)]
mod tests {
    use proofline_spec::document::upload::KINDS;

    use super::*;

    #[test]
    fn there_is_a_file_of_each_kind_that_a_spec_can_name() {
        for (kind, _) in KINDS {
            assert!(of_kind(kind, 1000).is_some_and(|file| file.len() >= 1000), "{kind}");
        }
        assert_eq!(of_kind("text/html", 0), None);
    }
}
