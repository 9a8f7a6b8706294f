//! What the headers of all files have in common: magic, format version, length, and a CRC over all of it.
//!
//! 1. A wrong magic means a foreign file; a right one with a wrong CRC, damage; a right CRC with a higher
//!    version, a newer Stratum. The three are different errors, and none changes the file.
//! 2. The version stands at the same place in every version's header, and the header's length behind it, so
//!    that any version can check the CRC of any other.

use super::crc;

/// Why a file's header is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// Another program's file, or an empty one.
    Foreign,
    /// One of ours, damaged.
    Damaged(&'static str),
    /// Written by a newer version; says what is not known here.
    Newer(String),
}

/// A header of `N` bytes, the last four of them its CRC.
pub(crate) struct Header<const N: usize>([u8; N]);

impl<const N: usize> Header<N> {
    pub(crate) fn new(magic: &[u8; 8], version: u32) -> Header<N> {
        let mut header = Header([0; N]);
        header.put(0, magic);
        header.put(8, &version.to_le_bytes());
        header.put(12, &(N as u32).to_le_bytes());
        header
    }

    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn seal(mut self) -> [u8; N] {
        let crc = crc(&self.0[..N - 4]);
        self.put(N - 4, &crc.to_le_bytes());
        self.0
    }

    pub(crate) fn open(bytes: &[u8], magic: &[u8; 8], version: u32) -> Result<Header<N>, HeaderError> {
        if bytes.len() < 8 || bytes[..8] != magic[..] {
            return Err(HeaderError::Foreign);
        }
        let cut = HeaderError::Damaged("the file ends within its header");
        if bytes.len() < 16 {
            return Err(cut);
        }
        let length = u32_at(bytes, 12) as usize;
        if !(16..=4096).contains(&length) {
            return Err(HeaderError::Damaged("the header's length is impossible"));
        }
        if bytes.len() < length {
            return Err(cut);
        }
        if u32_at(bytes, length - 4) != crc(&bytes[..length - 4]) {
            return Err(HeaderError::Damaged("the header's checksum does not match"));
        }
        let found = u32_at(bytes, 8);
        if found > version {
            return Err(HeaderError::Newer(format!("it has format version {found}, this version knows {version}")));
        }
        match bytes[..length].try_into() {
            Ok(header) if found == version => Ok(Header(header)),
            _ => Err(HeaderError::Damaged("the header's length does not fit its version")),
        }
    }

    pub(crate) fn u32(&self, at: usize) -> u32 {
        u32_at(&self.0, at)
    }

    pub(crate) fn u64(&self, at: usize) -> u64 {
        u64_at(&self.0, at)
    }

    pub(crate) fn uuid(&self, at: usize) -> [u8; 16] {
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&self.0[at..at + 16]);
        uuid
    }
}

/// The integer at `at`, which the caller knows to lie within.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(number)
}

/// The integer at `at`, which the caller knows to lie within.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAGIC: &[u8; 8] = b"STRATABC";

    /// A header of that length and version, with a checksum that fits.
    fn sealed(length: usize, version: u32) -> Vec<u8> {
        let mut bytes = vec![0; length];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&version.to_le_bytes());
        bytes[12..16].copy_from_slice(&(length as u32).to_le_bytes());
        let crc = crc(&bytes[..length - 4]);
        bytes[length - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn open(bytes: &[u8]) -> Result<(), HeaderError> {
        Header::<32>::open(bytes, MAGIC, 2).map(|_| ())
    }

    #[test]
    fn a_file_that_ends_behind_its_magic_is_ours_and_damaged() {
        assert_eq!(open(&MAGIC[..7]), Err(HeaderError::Foreign));
        let cut = HeaderError::Damaged("the file ends within its header");
        for length in [8, 15, 16, 31] {
            assert_eq!(open(&sealed(32, 2)[..length]), Err(cut.clone()), "{length} bytes");
        }
        assert_eq!(open(&sealed(32, 2)), Ok(()));
        // One of 16 bytes would be whole; there is no room in it for a checksum that fits.
        let small = [&MAGIC[..], &2u32.to_le_bytes(), &16u32.to_le_bytes()].concat();
        assert_eq!(open(&small), Err(HeaderError::Damaged("the header's checksum does not match")));
    }

    #[test]
    fn a_header_is_of_this_version_or_a_newer_one() {
        assert!(matches!(open(&sealed(32, 3)), Err(HeaderError::Newer(_))));
        assert!(matches!(open(&sealed(40, 3)), Err(HeaderError::Newer(_))), "it may have grown");
        // No older version wrote a header of another meaning, and none of this version has another length.
        let misfit = HeaderError::Damaged("the header's length does not fit its version");
        assert_eq!(open(&sealed(32, 1)), Err(misfit.clone()));
        assert_eq!(open(&sealed(40, 2)), Err(misfit));
    }
}
