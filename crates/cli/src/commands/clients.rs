//! `clients`: the clients in the store.

use std::path::Path;

use poggio::{
    ClientInformation, Error, FileStore, RegistrationStoreExt, store::StoredRegistration,
};
use serde_json::{Value, json};

use super::client_view;
use crate::{
    args::{ClientsCommand, Options},
    environment::{Environment, Mode, open_store},
    exit::Exit,
    failure::Failure,
    metadata::read_text,
    output::Output,
    save_file::SaveFile,
    shown::{plain, time},
};

pub(super) async fn run(
    command: ClientsCommand,
    options: &Options,
    output: Output,
) -> Result<(), Failure> {
    let store = open_store(options)?;
    match command {
        ClientsCommand::List => list(&store, output).await,
        ClientsCommand::Show { client_id } => show(&store, &client_id, output).await,
        ClientsCommand::Import { file } => import(&file, options, output).await,
        ClientsCommand::Export { client_id, output: file } => {
            export(&store, &client_id, &file, output).await
        }
        ClientsCommand::Remove { client_id } => {
            let is_done = store.remove(&client_id).await?;
            changed(is_done, "removed", &client_id, &store, output)
        }
        ClientsCommand::MarkRejected { client_id } => {
            let is_done = store.mark_rejected(&client_id).await?;
            changed(is_done, "marked as rejected", &client_id, &store, output)
        }
        ClientsCommand::ClearUnknown => {
            let is_done = store.clear_unknown().await?;
            let text = if is_done {
                "cleared: the next registration is sent"
            } else {
                "no registration has an unknown outcome"
            };
            if output.json {
                Output::json(&json!({ "changed": is_done }))
            } else {
                Output::text(text)
            }
        }
    }
}

async fn list(store: &FileStore, output: Output) -> Result<(), Failure> {
    let all = store.list().await?;
    let rows: Vec<_> = all.iter().map(row).collect();
    if rows.is_empty() && !output.json {
        output.progress(&format!("{} has no clients", store.path().display()));
        return Ok(());
    }
    let json = Value::Array(all.iter().map(stored_json).collect());
    output.list(&["CLIENT", "STATE", "SAVED", "NAME", "ENDPOINT"], rows, &json)
}

fn row(stored: &StoredRegistration) -> Vec<String> {
    vec![
        plain(&stored.client().client_id),
        client_view::state(stored).to_owned(),
        time(stored.saved_at()),
        plain(stored.client().metadata.client_name.as_deref().unwrap_or("-")),
        plain(stored.endpoint()),
    ]
}

fn stored_json(stored: &StoredRegistration) -> Value {
    let mut json = client_view::json(stored.client());
    if let Some(json) = json.as_object_mut() {
        json.insert("state".into(), client_view::state(stored).replace(' ', "_").into());
        json.insert("saved_at".into(), time(stored.saved_at()).into());
        json.insert("retired_at".into(), stored.retired().map(|retired| time(retired.at)).into());
        json.insert("endpoint".into(), stored.endpoint().into());
    }
    json
}

async fn show(store: &FileStore, client_id: &str, output: Output) -> Result<(), Failure> {
    let all = store.list().await?;
    let found = all.iter().rfind(|stored| stored.client().client_id == client_id);
    let stored = found.ok_or_else(|| not_found(client_id, store))?;
    let mut rows = vec![
        ("state", client_view::state(stored).to_owned()),
        ("saved", time(stored.saved_at())),
        ("endpoint", plain(stored.endpoint())),
    ];
    rows.extend(client_view::rows(stored.client()));
    output.result("", rows, &stored_json(stored))
}

fn not_found(client_id: &str, store: &FileStore) -> Failure {
    Failure::new(Exit::Failed, format!("the store has no such client in use: {}", plain(client_id)))
        .place(store.path().display().to_string())
        .help("see `poggio clients list`")
}

fn changed(
    is_done: bool,
    how: &str,
    client_id: &str,
    store: &FileStore,
    output: Output,
) -> Result<(), Failure> {
    if !is_done {
        return Err(not_found(client_id, store));
    }
    if output.json {
        return Output::json(&json!({ "changed": true, "client_id": client_id }));
    }
    Output::text(&format!("{how}: {}", plain(client_id)))
}

async fn import(file: &Path, options: &Options, output: Output) -> Result<(), Failure> {
    let environment = Environment::open(options, Mode::Offline).await?;
    let text = read_text(file).map_err(|error| {
        Failure::io("the credentials cannot be read", &error).place(file.display().to_string())
    })?;
    let client = ClientInformation::from_json(text.trim_start_matches('\u{feff}'));
    let client = client.map_err(|error| {
        let why = match &error {
            Error::Unreadable(error) => error.to_string(),
            other => other.to_string(),
        };
        Failure::new(Exit::Failed, "the credentials cannot be read")
            .place(file.display().to_string())
            .why(why)
            .help("use RFC 7591 JSON with client_id, and with client_secret if there is one")
    })?;
    environment.session(options, None, Vec::new())?.import_client(&client).await?;
    let server = environment.server_name();
    let json = json!({ "changed": true, "client_id": client.client_id, "server": server });
    if output.json {
        return Output::json(&json);
    }
    Output::text(&format!("imported: {}, for {server}", plain(&client.client_id)))
}

async fn export(
    store: &FileStore,
    client_id: &str,
    file: &Path,
    output: Output,
) -> Result<(), Failure> {
    let client = store.export(client_id).await?.ok_or_else(|| not_found(client_id, store))?;
    if file == Path::new("-") {
        return Output::json(&client);
    }
    let saved = SaveFile::prepare(file)?.write(&client).map_err(|(error, path)| {
        Failure::io("the credentials could not be written", &error)
            .place(file.display().to_string())
            .note(format!("the part that was written is in {}", path.display()))
    })?;
    let path = saved.display().to_string();
    if output.json { Output::json(&json!({ "saved_to": path })) } else { Output::text(&path) }
}
