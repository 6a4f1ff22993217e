//! Arrows between crates point one way, versions live in one place, and nothing made for tests is shipped.

use crate::{assert_none, tree};
use std::process::Command;
use toml::{Table, Value};

/// Each crate with the crates of ours that it may depend on.
const ARROWS: [(&str, &[&str]); 8] = [
    ("core/wire", &[]),
    ("core", &["portico-wire"]),
    ("bindings", &["portico-wire", "portico-core"]),
    ("bindings/bindgen", &[]),
    ("server", &["portico-wire", "portico-mutants"]),
    ("server/mutants", &[]),
    ("core/cli", &["portico-wire", "portico-core", "portico-server"]),
    ("tests", &["portico-wire", "portico-core", "portico-ffi", "portico-server"]),
];
/// Crates that only tests use.
const TEST_CRATES: [&str; 3] = ["tempfile", "insta", "portico-mutants"];
/// UniFFI's macros and generator share a crate that names it; no code of it is linked into the library.
const NAMED_BY_UNIFFI: (&str, &str) = ("portico-ffi", "tempfile");
const SHIPPED: [&str; 3] = ["portico", "portico-ffi", "portico-server"];

#[test]
fn crates_depend_in_one_direction() {
    let members = workspace_members();
    let listed: Vec<String> = ARROWS.iter().map(|(member, _)| (*member).to_owned()).collect();
    let strangers = members.iter().filter(|member| !listed.contains(member));
    let mut wrong: Vec<String> =
        strangers.map(|member| format!("{member} has no arrows in manifests.rs")).collect();

    for (member, allowed) in ARROWS {
        let own = package_name(member);
        let ours =
            dependencies(member).into_iter().map(|(name, _)| name).filter(|name| name.starts_with("portico"));
        // A crate may name itself, to turn on its feature `testing` in its own tests.
        let astray = ours.filter(|name| *name != own && !allowed.contains(&name.as_str()));
        wrong.extend(astray.map(|name| format!("{member} -> {name}")));
    }

    assert_none("wire <- core <- bindings, wire <- server, cli sees core and server, tests see all.", &wrong);
}

#[test]
fn every_version_lives_in_the_workspace() {
    let mut own = Vec::new();
    for member in workspace_members() {
        for (name, value) in dependencies(&member) {
            let shared = value.get("workspace").and_then(Value::as_bool) == Some(true);
            if !shared && name != package_name(&member) {
                own.push(format!("{member}: {name}"));
            }
        }
        let lints = manifest(&member).get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
        if lints != Some(true) {
            own.push(format!("{member}: lints"));
        }
    }

    assert_none("A member says `name.workspace = true`; the version is in the root Cargo.toml.", &own);
}

#[test]
fn nothing_made_for_tests_is_shipped() {
    let mut shipped = Vec::new();
    for package in SHIPPED {
        let graph = cargo_tree(package);
        let lines = graph.lines().filter(|line| {
            let name = line.split(' ').next().unwrap_or_default();
            let named = TEST_CRATES.contains(&name) && (package, name) != NAMED_BY_UNIFFI;
            named || line.starts_with("portico-core feature \"testing\"")
        });
        shipped.extend(lines.map(|line| format!("{package}: {line}")));
    }

    assert_none("The binaries carry no test crate and no feature `testing`.", &shipped);
}

/// What a release build of `package` links, features included, one per line.
fn cargo_tree(package: &str) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["tree", "--locked", "--prefix", "none", "-e", "normal,build,features", "-p", package])
        .current_dir(tree::root())
        .output()
        .expect("cargo runs where cargo test runs");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn workspace_members() -> Vec<String> {
    let root: Table = tree::read("Cargo.toml").parse().expect("the root manifest is TOML");
    let members = root.get("workspace").and_then(|workspace| workspace.get("members")?.as_array());
    members
        .expect("the workspace lists its members")
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn manifest(member: &str) -> Table {
    let path = format!("{member}/Cargo.toml");
    tree::read(&path).parse().unwrap_or_else(|fault| panic!("{path}: {fault}"))
}

fn package_name(member: &str) -> String {
    let manifest = manifest(member);
    let name = manifest.get("package").and_then(|package| package.get("name")?.as_str());
    name.expect("a member names its package").to_owned()
}

/// Every dependency of a member: normal, for builds, for tests, and for one platform.
fn dependencies(member: &str) -> Vec<(String, Value)> {
    let manifest = manifest(member);
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flatten();
    let tables = platforms.filter_map(|(_, platform)| platform.as_table()).chain([&manifest]);
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    tables
        .flat_map(|table| kinds.iter().filter_map(|kind| table.get(*kind)?.as_table()))
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
