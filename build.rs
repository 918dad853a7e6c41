//! Generates the typed client from the contract: `openapi.json` into `$OUT_DIR/client.rs`.
//!
//! Nothing else happens here. The result stands under a snapshot in `tests/it/snapshots`.

use std::{env, error::Error, fs, path::Path, process::ExitCode};

use progenitor::{GenerationSettings, Generator, HooksMode};

const CONTRACT: &str = "openapi.json";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed={CONTRACT}");
    println!("cargo::rerun-if-changed=build.rs");
    match generate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("cargo::error={CONTRACT}: {problem}");
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
    settings
        .with_hooks(HooksMode::Expected)
        .with_inner_type("crate::transport::Exchange".parse()?)
        .with_replacement("ClientMetadata", "crate::ClientMetadata", [].into_iter())
        .with_replacement("ClientSecret", "crate::secret::ReceivedSecret", [].into_iter());
    let tokens = Generator::new(&settings).generate_tokens(&contract)?;
    let code = prettyplease::unparse(&syn::parse2(tokens)?);

    if !code.contains("pub client_secret: ::std::option::Option<crate::secret::ReceivedSecret>") {
        return Err("client_secret is no longer the secret type".into());
    }
    fs::write(Path::new(&env::var("OUT_DIR")?).join("client.rs"), code)?;
    Ok(())
}
