//! `register`: one new client, in the store and on request in a file.

use std::{path::Path, time::Duration};

use poggio::{
    Client, ClientInformation, ClientMetadata, ClientSecret, Error, RegistrationStore,
    RegistrationStoreExt, StoreErrorKind,
};
use serde_json::{Value, json};

use super::client_view;
use crate::{
    args::{Options, RegisterArgs},
    environment::{Environment, Mode},
    exit::Exit,
    failure::Failure,
    output::Output,
    phase::Phase,
    save_file::{SaveFile, rescue},
    shown::plain,
    terminal::confirm,
};

/// How long the check of the store may take.
const PREFLIGHT_TIME: Duration = Duration::from_secs(30);

/// One registration.
struct Registration<'a> {
    poggio: Client,
    environment: &'a Environment,
    metadata: &'a ClientMetadata,
    is_confirmed: bool,
    phase: &'a Phase,
}

pub(super) async fn register(
    args: &RegisterArgs,
    options: &Options,
    output: Output,
    phase: &Phase,
) -> Result<(), Failure> {
    let metadata = args.metadata.read()?;
    // Before the registration, because the server shows the secret only once.
    let target = args.save.as_deref().map(SaveFile::prepare).transpose()?;
    let mode = if args.no_local_validation { Mode::Unchecked } else { Mode::Online };
    let environment = Environment::open(options, mode).await?;
    if !environment.registers {
        return Err(Failure::new(
            Exit::Failed,
            "the server's metadata has no registration endpoint, so it registers no clients",
        )
        .outcome(poggio::Outcome::NotRegistered)
        .help("import the client that its operator gave you with `poggio clients import FILE`"));
    }
    let poggio = environment.poggio.for_server(&environment.server)?;
    output.progress(&format!(
        "registering at {}\nstore {}",
        poggio.registration_endpoint(),
        environment.store.path().display()
    ));
    let registration = Registration {
        poggio,
        environment: &environment,
        metadata: &metadata,
        is_confirmed: args.yes,
        phase,
    };
    let result = registration.run().await;
    phase.end();
    match result {
        Ok(client) => {
            let saved = target.map(|target| save(target, &client)).transpose()?;
            report(&client, &metadata, saved.as_deref(), output)
        }
        Err(Stopped::Failure(failure)) => Err(failure),
        Err(Stopped::Error(error)) => Err(keep_credentials(error, target, &environment)),
    }
}

/// Why there is no new client.
enum Stopped {
    Failure(Failure),
    Error(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl Registration<'_> {
    async fn run(&self) -> Result<ClientInformation, Stopped> {
        let store = &*self.environment.store;
        if let Some(existing) = self.poggio.find_registration(self.metadata, store).await? {
            return self.replace(&existing).await;
        }
        match self.register_once().await {
            // Not the outcome of this request, but of an earlier one.
            Err(Error::Store(error)) if error.kind() == StoreErrorKind::UnknownOutcome => {
                self.confirm(
                    &error.to_string(),
                    "Register now? If the earlier request did register a client, there are two.",
                    "ask the server's operator for the outcome; --yes registers now, which may \
                     create a second client",
                    Exit::Unknown,
                )
                .await?;
                store.clear_unknown().await?;
                Ok(self.register_once().await?)
            }
            result => Ok(result?),
        }
    }

    async fn register_once(&self) -> Result<ClientInformation, Error> {
        self.phase.start_registering();
        let result = self.poggio.register_once(self.metadata, &*self.environment.store).await;
        self.phase.end();
        result
    }

    /// Registers another client with the same metadata, which replaces the one in the store.
    async fn replace(&self, existing: &ClientInformation) -> Result<ClientInformation, Stopped> {
        let (store, id) = (&*self.environment.store, existing.client_id.as_str());
        let all = store.list().await?;
        let is_same = |stored: &&poggio::store::StoredRegistration| stored.client().client_id == id;
        if all.iter().rfind(is_same).is_some_and(poggio::store::StoredRegistration::is_imported) {
            return Err(Failure::new(Exit::Failed, "the store has imported credentials for this server")
                .place(plain(id))
                .outcome(poggio::Outcome::NotRegistered)
                .help("they are used in place of all others; remove them with `poggio clients remove`, or use another --store")
                .into());
        }
        self.confirm(
            &format!("the store has a client with this metadata: {}", plain(id)),
            "Register another? It replaces this one, whose secret is erased.",
            "use that client, or export it and register another with --yes, which erases its secret",
            Exit::Confirm,
        )
        .await?;
        store.preflight(PREFLIGHT_TIME).await.map_err(Error::from)?;
        self.phase.start_registering();
        let client = self.poggio.register(self.metadata).await?;
        store.remove(id).await?;
        self.poggio.save_registration(self.metadata, store, &client).await?;
        Ok(client)
    }

    async fn confirm(
        &self,
        what: &str,
        question: &str,
        help: &str,
        exit: Exit,
    ) -> Result<(), Failure> {
        if self.is_confirmed {
            return Ok(());
        }
        let result = confirm(what, question, help).await;
        result.map_err(|failure| match exit {
            Exit::Unknown => Failure { exit, outcome: Some(poggio::Outcome::Unknown), ..failure },
            _ => failure,
        })
    }
}

fn save(target: SaveFile, client: &ClientInformation) -> Result<std::path::PathBuf, Failure> {
    target.write(&client.expose_json()).map_err(|(error, path)| {
        Failure::new(
            Exit::Registered,
            "the client was registered, but its credentials could not be written to the file",
        )
        .why(error.to_string())
        .note(format!("the part that was written is in {}", path.display()))
        .outcome(poggio::Outcome::Registered)
        .help(format!(
            "the store has the client: `poggio clients export {}`",
            plain(&client.client_id)
        ))
    })
}

/// Writes the credentials that an error holds to a file, because the server shows them once.
fn keep_credentials(error: Error, target: Option<SaveFile>, environment: &Environment) -> Failure {
    let credentials = match &error {
        Error::Store(error) => error.client().map(ClientInformation::expose_json),
        Error::Unreadable(response)
            if response.client_id().is_some() || response.client_secret().is_some() =>
        {
            Some(json!({
                "client_id": response.client_id(),
                "client_secret": response.client_secret().map(ClientSecret::expose),
            }))
        }
        _ => None,
    };
    let is_complete = matches!(error, Error::Store(_));
    let failure = Failure::from(error);
    let Some(credentials) = credentials else { return failure };
    let folder = environment.store.path().parent().unwrap_or(Path::new("."));
    let written = match target {
        Some(target) => target.write(&credentials).or_else(|_| rescue(&credentials, folder)),
        None => rescue(&credentials, folder),
    };
    match written {
        Ok(path) => {
            let failure = failure.note(format!("the credentials are in {}", path.display()));
            // Otherwise the rest did not arrive, and the help says what to do.
            if is_complete {
                return failure
                    .help("correct the cause, then import them with `poggio clients import FILE`");
            }
            failure
        }
        Err(error) => failure.note(format!("the credentials could not be saved: {error}")),
    }
}

fn report(
    client: &ClientInformation,
    requested: &ClientMetadata,
    saved: Option<&Path>,
    output: Output,
) -> Result<(), Failure> {
    let changes: Vec<_> =
        client.changes_from(requested).iter().map(|change| plain(&change.to_string())).collect();
    let warnings: Vec<_> =
        client.warnings().iter().map(|warning| plain(&warning.to_string())).collect();
    let json = json!({
        "client": client_view::json(client),
        "changes": changes,
        "warnings": warnings,
        "saved_to": saved.map_or(Value::Null, |path| path.display().to_string().into()),
    });
    let shown = output.result("registered", client_view::rows(client), &json);
    for change in changes {
        output.warning(&format!("the server changed {change}"));
    }
    for warning in warnings {
        output.warning(&warning);
    }
    if let Some(path) = saved {
        output.progress(&format!("saved to {}", path.display()));
    }
    shown.map_err(|failure| Failure {
        exit: Exit::Registered,
        outcome: Some(poggio::Outcome::Registered),
        help: "the store has the client: see `poggio clients list`".to_owned(),
        ..failure
    })
}
