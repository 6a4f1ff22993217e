//! Codes as people type them: Crockford's base 32, which has no I, L, O, U.

/// Crockford's alphabet.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Writes `bits`, whose length in bits is 5 for each of `N` letters.
pub(crate) fn write<const N: usize>(bits: &[u8]) -> [u8; N] {
    let mut out = [b'0'; N];
    for (place, letter) in out.iter_mut().enumerate() {
        let value = (place * 5..place * 5 + 5).fold(0_usize, |value, bit| {
            let byte = bits.get(bit / 8).copied().unwrap_or(0);
            (value << 1) | usize::from((byte >> (7 - bit % 8)) & 1)
        });
        *letter = ALPHABET.get(value).copied().unwrap_or(b'0');
    }
    out
}

/// Reads `N` letters: case, hyphens and blanks do not count, `O` is `0`, `I` and `L` are `1`.
pub(crate) fn read<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    let mut places = out.iter_mut();
    for letter in text.chars().filter(|c| !matches!(c, '-' | ' ' | '\u{a0}' | '\n' | '\r' | '\t')) {
        let letter = match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let byte = u8::try_from(letter).ok().filter(|byte| ALPHABET.contains(byte))?;
        *places.next()? = byte;
    }
    places.next().is_none().then_some(out)
}

/// In groups of four, with hyphens between.
pub(crate) fn grouped(letters: &[u8]) -> String {
    let groups: Vec<String> =
        letters.chunks(4).map(|group| group.iter().map(|letter| char::from(*letter)).collect()).collect();
    groups.join("-")
}

/// A secret of random bits that people read and type: `letters` of the alphabet, five bits each. `Debug` hides it.
macro_rules! code {
    ($(#[$doc:meta])* $name:ident: $bytes:literal bytes, $letters:literal letters, $fault:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name([u8; $letters]);

        impl $name {
            #[doc = concat!("Makes a code from ", stringify!($bytes), " random bytes.")]
            #[must_use]
            pub fn from_random(random: [u8; $bytes]) -> Self {
                Self($crate::crockford::write(&random))
            }

            /// Reads what a person typed: case, hyphens and blanks do not count, `O` is `0`, `I` and `L` are `1`.
            ///
            /// # Errors
            #[doc = concat!("[`", stringify!($fault), "`] where it is not ", stringify!($letters), " letters of the alphabet; no try is spent on it.")]
            pub fn parse(text: &str) -> Result<Self, $fault> {
                $crate::crockford::read(text).map(Self).ok_or($fault)
            }

            /// The letters, as they are hashed.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $letters] {
                &self.0
            }

            /// The letters as they are shown, in groups of four.
            #[must_use]
            pub fn shown(&self) -> String {
                $crate::crockford::grouped(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(", stringify!($letters), " letters)"))
            }
        }
    };
}

pub(crate) use code;
