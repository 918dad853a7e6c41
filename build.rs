//! Generates the typed client `$OUT_DIR/client.rs` from the contract `openapi.json` (feature
//! `codegen`). Without the feature, the crate compiles its checked-in copy, `src/generated/client.rs`.
//!
//! A test in `tests/it/client` compares the two.

use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "codegen")]
    if let Err(error) = codegen::generate() {
        println!("cargo::error={}: {error}", codegen::CONTRACT);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

#[cfg(feature = "codegen")]
mod codegen {
    use std::{env, error::Error, fs, path::Path};

    use progenitor::{GenerationSettings, Generator, HooksMode};
    use syn::{Block, Expr, File, ImplItem, Item, Local, Pat, Stmt};

    pub(crate) const CONTRACT: &str = "openapi.json";

    /// The first line of the client.
    const HEADER: &str = "// Generated from openapi.json by build.rs. Do not edit.\n";

    /// Schemas that are replaced by types of this crate in the generated signature.
    const REPLACEMENTS: [(&str, &str); 3] = [
        ("ClientMetadata", "crate::metadata::ClientMetadata"),
        ("ClientInformation", "crate::response::ClientInformation"),
        ("ValidationErrorBody", "crate::response::ValidationErrorBody"),
    ];

    pub(crate) fn generate() -> Result<(), Box<dyn Error>> {
        println!("cargo::rerun-if-changed={CONTRACT}");
        let text = fs::read_to_string(CONTRACT).map_err(|e| format!("could not be read: {e}"))?;
        let json: serde_json::Value =
            serde_json::from_str(&text).map_err(|e| format!("is not JSON: {e}"))?;
        let version =
            json.get("openapi").and_then(|value| value.as_str()).unwrap_or("without a version");
        if !version.starts_with("3.0.") {
            return Err(format!("is OpenAPI {version}, but the generator reads 3.0.x only").into());
        }
        let contract = serde_json::from_value(json).map_err(|e| format!("is not OpenAPI: {e}"))?;

        let mut settings = GenerationSettings::new();
        settings
            .with_hooks(HooksMode::Expected)
            .with_inner_type("crate::transport::Attempt".parse()?);
        for (schema, replacement) in REPLACEMENTS {
            settings.with_replacement(schema, replacement, [].into_iter());
        }
        let tokens = Generator::new(&settings).generate_tokens(&contract)?;
        let mut client = syn::parse2(tokens)?;
        adapt(&mut client)?;
        let code = format!("{HEADER}{}", prettyplease::unparse(&client));
        // Another version of the generator may name these differently. The client would then send to no
        // URL, or send the header.
        if !code.contains("let url = self.inner.endpoint();") || code.contains("header_map") {
            return Err(
                "the generated request is not the expected one; adapt build.rs to it".into()
            );
        }
        fs::write(Path::new(&env::var("OUT_DIR")?).join("client.rs"), code)?;
        Ok(())
    }

    /// Removes generated code that this crate does not use: the `types` module, because every schema in
    /// use is replaced; the prelude; `Client::new`, which builds its own HTTP client; the derives.
    fn adapt(client: &mut File) -> syn::Result<()> {
        client.items.retain(|item| !matches!(item, Item::Mod(_)));
        for item in &mut client.items {
            match item {
                Item::Struct(item) => item.attrs.retain(|attr| !attr.path().is_ident("derive")),
                Item::Impl(item) => {
                    item.items.retain(
                    |item| !matches!(item, ImplItem::Fn(function) if function.sig.ident == "new"),
                );
                    for item in &mut item.items {
                        if let ImplItem::Fn(function) = item {
                            adapt_request(&mut function.block)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes the URL from the attempt, which holds it parsed, instead of building and parsing it for each
    /// request. Removes the header `api-version`, which the API does not document.
    fn adapt_request(block: &mut Block) -> syn::Result<()> {
        block.stmts.retain(|statement| match statement {
            Stmt::Local(local) => !is_named(&local.pat, "header_map"),
            Stmt::Expr(Expr::MethodCall(call), _) => {
                !matches!(&*call.receiver, Expr::Path(it) if it.path.is_ident("header_map"))
            }
            _ => true,
        });
        for statement in &mut block.stmts {
            if let Stmt::Local(Local { pat, init: Some(init), .. }) = statement {
                if is_named(pat, "url") {
                    *init.expr = syn::parse_str("self.inner.endpoint()")?;
                }
                strip_call(&mut init.expr, "headers");
            }
        }
        Ok(())
    }

    fn is_named(pat: &Pat, name: &str) -> bool {
        matches!(pat, Pat::Ident(pat) if pat.ident == name)
    }

    /// Takes one call out of a chain of method calls.
    fn strip_call(expression: &mut Expr, method: &str) {
        match expression {
            Expr::Try(inner) => strip_call(&mut inner.expr, method),
            Expr::MethodCall(call) if call.method == method => {
                *expression = (*call.receiver).clone();
            }
            Expr::MethodCall(call) => strip_call(&mut call.receiver, method),
            _ => {}
        }
    }
}
