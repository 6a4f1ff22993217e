//! Everything the library exports, one line each: kept as `bindings/surface.txt`, so that no change goes unnoticed.

use std::fmt::Write as _;

use camino::Utf8Path;
use uniffi_bindgen::interface::{Argument, AsType as _, Callable, Field, Method, Type};
use uniffi_bindgen::library_mode::find_cis;
use uniffi_bindgen::{ComponentInterface, EmptyCrateConfigSupplier};

/// The lines, in an order that does not depend on the build.
pub(crate) fn of(library: &Utf8Path) -> Result<String, crate::Failed> {
    let mut lines = Vec::new();
    for interface in find_cis(library, &EmptyCrateConfigSupplier)? {
        functions_and_objects(&interface, &mut lines);
        records_and_enums(&interface, &mut lines);
    }
    lines.sort();
    lines.dedup();
    Ok(lines.join("\n") + "\n")
}

fn functions_and_objects(interface: &ComponentInterface, lines: &mut Vec<String>) {
    for function in interface.function_definitions() {
        lines.push(format!("fn {}{}", function.name(), signature(function)));
    }
    for object in interface.object_definitions() {
        let kind = if object.is_trait_interface() { "port" } else { "object" };
        for constructor in object.constructors() {
            lines.push(format!("{kind} {}.{}{}", object.name(), constructor.name(), signature(constructor)));
        }
        methods(&format!("{kind} {}", object.name()), &object.methods(), lines);
    }
}

fn methods(of: &str, methods: &[&Method], lines: &mut Vec<String>) {
    lines.extend(methods.iter().map(|method| format!("{of}.{}{}", method.name(), signature(*method))));
}

fn records_and_enums(interface: &ComponentInterface, lines: &mut Vec<String>) {
    for record in interface.record_definitions() {
        lines.push(format!("record {} {{ {} }}", record.name(), fields(record.fields())));
    }
    for choice in interface.enum_definitions() {
        let kind = if interface.is_name_used_as_error(choice.name()) { "error" } else { "enum" };
        for (place, variant) in choice.variants().iter().enumerate() {
            let fields = fields(variant.fields());
            let fields = if fields.is_empty() { fields } else { format!(" {{ {fields} }}") };
            // The place crosses the border, so moving a variant is a change.
            lines.push(format!("{kind} {} {place:02} {}{fields}", choice.name(), variant.name()));
        }
    }
}

fn signature(of: &impl Callable) -> String {
    let mut line = String::from("(");
    let arguments: Vec<String> = of.arguments().into_iter().map(argument).collect();
    line.push_str(&arguments.join(", "));
    line.push(')');
    // Writing to a String never fails.
    if let Some(kind) = of.return_type() {
        let _ = write!(line, " -> {}", name(kind));
    }
    if let Some(kind) = of.throws_type() {
        let _ = write!(line, " throws {}", name(kind));
    }
    if of.is_async() { format!("{line} async") } else { line }
}

fn argument(argument: &Argument) -> String {
    format!("{}: {}", argument.name(), name(&argument.as_type()))
}

fn fields(fields: &[Field]) -> String {
    let fields: Vec<String> =
        fields.iter().map(|field| format!("{}: {}", field.name(), name(&field.as_type()))).collect();
    fields.join(", ")
}

fn name(kind: &Type) -> String {
    match kind {
        Type::Optional { inner_type } => format!("{}?", name(inner_type)),
        Type::Sequence { inner_type } => format!("[{}]", name(inner_type)),
        Type::Box { inner_type } => name(inner_type),
        other => other.name().map_or_else(|| format!("{other:?}"), str::to_owned),
    }
}
