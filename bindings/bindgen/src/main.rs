//! Writes the Kotlin and Swift of the phone core from its compiled, unstripped library, and the list of what it
//! exports: `portico-bindgen --library target/debug/libportico_ffi.so --out target/bindings`.
//!
//! A crate of its own, so that the generator's version is the library's and its dependencies are not.

mod surface;
mod swift;

use std::process::ExitCode;

use camino::Utf8PathBuf;
use clap::Parser;
use uniffi_bindgen::bindings::{GenerateOptions, TargetLanguage, generate};

/// Writes the Kotlin and Swift of the phone core.
#[derive(Debug, Parser)]
struct Wish {
    /// The compiled library, not stripped.
    #[arg(long)]
    library: Utf8PathBuf,
    /// Where `kotlin`, `swift` and `surface.txt` are written.
    #[arg(long)]
    out: Utf8PathBuf,
    /// Names of packages and modules, in UniFFI's global form.
    #[arg(long, default_value = "bindings/uniffi.toml")]
    config: Utf8PathBuf,
}

type Failed = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match write(&Wish::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            eprintln!("portico-bindgen: {failed}");
            ExitCode::FAILURE
        }
    }
}

fn write(wish: &Wish) -> Result<(), Failed> {
    for (language, folder) in [(TargetLanguage::Kotlin, "kotlin"), (TargetLanguage::Swift, "swift")] {
        generate(GenerateOptions {
            languages: vec![language],
            source: wish.library.clone(),
            out_dir: wish.out.join(folder),
            config_override: Some(wish.config.clone()),
            ..GenerateOptions::default()
        })?;
    }
    swift::tell_of_another_version(&wish.out.join("swift/PorticoFFI.swift"))?;
    std::fs::write(wish.out.join("surface.txt"), surface::of(&wish.library)?)?;
    Ok(())
}
