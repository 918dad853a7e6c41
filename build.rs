//! Generates the typed client `$OUT_DIR/client.rs` from the contract `openapi.json`.
//!
//! A snapshot test in `tests/it/client` shows every change of the generated code in review.

use std::{env, error::Error, fs, path::Path, process::ExitCode};

use progenitor::{GenerationSettings, Generator, HooksMode};
use syn::{File, ImplItem, Item};

const CONTRACT: &str = "openapi.json";

/// Schemas that are replaced by types of this crate in the generated signature.
const REPLACEMENTS: [(&str, &str); 3] = [
    ("ClientMetadata", "crate::metadata::ClientMetadata"),
    ("ClientInformation", "crate::response::ClientInformation"),
    ("ValidationErrorBody", "crate::response::ValidationErrorBody"),
];

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed={CONTRACT}");
    println!("cargo::rerun-if-changed=build.rs");
    match generate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cargo::error={CONTRACT}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn generate() -> Result<(), Box<dyn Error>> {
    let text = fs::read_to_string(CONTRACT).map_err(|e| format!("cannot be read: {e}"))?;
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|e| format!("is not JSON: {e}"))?;
    let version = json.get("openapi").and_then(|value| value.as_str()).unwrap_or("of no version");
    if !version.starts_with("3.0.") {
        return Err(format!("is OpenAPI {version}, but the generator reads 3.0.x only").into());
    }
    let contract = serde_json::from_value(json).map_err(|e| format!("is not OpenAPI: {e}"))?;

    let mut settings = GenerationSettings::new();
    settings.with_hooks(HooksMode::Expected).with_inner_type("crate::transport::Attempt".parse()?);
    for (schema, replacement) in REPLACEMENTS {
        settings.with_replacement(schema, replacement, [].into_iter());
    }
    let tokens = Generator::new(&settings).generate_tokens(&contract)?;
    let mut client = syn::parse2(tokens)?;
    strip_unused(&mut client);
    let code = prettyplease::unparse(&client);
    fs::write(Path::new(&env::var("OUT_DIR")?).join("client.rs"), code)?;
    Ok(())
}

/// Removes generated code that this crate does not use: the `types` module, because every schema in
/// use is replaced; the prelude; `Client::new`, which builds its own HTTP client; the derives.
fn strip_unused(client: &mut File) {
    client.items.retain(|item| !matches!(item, Item::Mod(_)));
    for item in &mut client.items {
        match item {
            Item::Struct(item) => item.attrs.retain(|attr| !attr.path().is_ident("derive")),
            Item::Impl(item) => item.items.retain(
                |item| !matches!(item, ImplItem::Fn(function) if function.sig.ident == "new"),
            ),
            _ => {}
        }
    }
}
